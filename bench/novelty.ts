/** Bench `novelty`: which score best detects images of other subjects, and how Graft's own score does at its threshold. */

import { createRandom } from "../src/base/random.ts";
import { stratifiedSplit } from "../src/data/dataset/split.ts";
import { areaUnderRoc, fitOodThreshold } from "../src/metrics/conformal.ts";
import { softmax } from "../src/metrics/logits.ts";
import { fitTemperature } from "../src/metrics/temperature.ts";
import type { Head } from "../src/model/artifact-graph.ts";
import { openNetwork } from "../src/networks/open.ts";
import { denseTable } from "../src/train/features/feature-table.ts";
import { fitHead, headLogits } from "../src/train/head/fit.ts";
import { bankOf, distancesTo, fitOodDetector, oodScoresOf } from "../src/train/ood-bank.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";
import { type Cached, cachedFeatures, joined, rowsOf } from "./trust/cached.ts";
import { mahalanobis } from "./trust/mahalanobis.ts";

/** Scores rows: higher is stranger. */
type Score = (data: Float32Array) => Promise<ArrayLike<number>> | ArrayLike<number>;

const DATASETS = ["flowers", "pollen", "sign-digits"];
/** The share of the training images that the rivals' thresholds are fitted on; what is shipped needs none held out. */
const HELD = 0.2;

/** Measures and prints. */
export async function benchNovelty(given: readonly string[]): Promise<void> {
  const { network: name, known } = readFlags(given, { network: "", known: "flowers" });
  const network = await openNetwork(name || shared("networks", "mobilenet_v2_100_224.onnx"));
  console.log(machine());
  const sets: Cached[] = [];
  for (const dataset of DATASETS) sets.push(await cachedFeatures(dataset, network));
  for (const own of sets.filter((set) => known.split(",").includes(set.name))) {
    const others = sets.filter((set) => set !== own);
    printTable(`Trained on ${own.name} (${own.train.labels.length} pictures), features of ${network.name}`, [
      ["score", "false alarms, own test", ...others.flatMap((other) => [`AUROC ${other.name}`, "found at threshold"])],
      ...(await rowsFor(own, others)),
    ]);
  }
}

async function rowsFor(own: Cached, others: readonly Cached[]): Promise<string[][]> {
  const { kept, held } = stratifiedSplit(own.train.labels, HELD, createRandom(0), undefined);
  const [fitted, calibration] = [rowsOf(own.train, kept), rowsOf(own.train, held)];
  const row = async (name: string, score: Score, threshold?: number): Promise<string[]> => {
    const limit = threshold ?? fitOodThreshold(await score(calibration.data), undefined).threshold!;
    const above = (scores: ArrayLike<number>): string =>
      `${((100 * Array.from(scores).filter((value) => value > limit).length) / scores.length).toFixed(1)}%`;
    const known = await score(own.test.data);
    const cells: string[] = [];
    for (const other of others) {
      const unknown = await score(joined([other.train, other.test]).data);
      cells.push(areaUnderRoc(known, unknown).toFixed(4), above(unknown));
    }
    return [name, above(known), ...cells];
  };
  const { head } = await fitHead(denseTable(fitted.data, own.columns), fitted.labels, own.classes, createRandom(0));
  const nearest = bankOf({ table: denseTable(fitted.data, own.columns), groups: undefined }, createRandom(0));
  const all = await fitHead(denseTable(own.train.data, own.columns), own.train.labels, own.classes, createRandom(0));
  const { temperature } = fitTemperature(all.outOfFoldLogits, own.train.labels);
  const shipped = await fitOodDetector(
    {
      train: { table: denseTable(own.train.data, own.columns), groups: undefined },
      probabilities: softmax(all.outOfFoldLogits, own.classes, temperature),
    },
    createRandom(0),
  );
  const asShipped: Score = (data) => {
    const table = denseTable(data, own.columns);
    return oodScoresOf(table, softmax(headLogits(all.head, table), own.classes, temperature), shipped);
  };
  return [
    await row("energy", energy(head, own)),
    await row("1 − top probability", topProbability(head, own)),
    await row("Mahalanobis", mahalanobis(fitted, own.columns, own.classes, false)),
    await row("relative Mahalanobis", mahalanobis(fitted, own.columns, own.classes, true)),
    await row("5th nearest neighbour", (data) =>
      distancesTo(denseTable(data, own.columns), nearest, nearest.neighbours),
    ),
    await row("as in each model.onnx: neighbour + log odds", asShipped, shipped.rule.threshold),
  ];
}

/** Minus the log of the summed exponentials of the logits: Liu et al., NeurIPS 2020, arXiv 2010.03759. */
const energy =
  (head: Head, { columns, classes }: Cached): Score =>
  (data) => {
    const logits = headLogits(head, denseTable(data, columns));
    return Float64Array.from({ length: logits.length / classes }, (_, row) => {
      const own = logits.subarray(row * classes, (row + 1) * classes);
      const top = Math.max(...own);
      return -top - Math.log(own.reduce((sum, logit) => sum + Math.exp(logit - top), 0));
    });
  };

/** Hendrycks and Gimpel, ICLR 2017, arXiv 1610.02136. */
const topProbability =
  (head: Head, { columns, classes }: Cached): Score =>
  (data) => {
    const probabilities = softmax(headLogits(head, denseTable(data, columns)), classes);
    return Float64Array.from(
      { length: probabilities.length / classes },
      (_, row) => 1 - Math.max(...probabilities.subarray(row * classes, (row + 1) * classes)),
    );
  };
