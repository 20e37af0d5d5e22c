/** Which estimates of transferability rank networks like their probes and their fine-tuned versions, on unseen images. */

import { stratifiedOrder } from "../../src/advise/recommend/evaluation-sample.ts";
import { rankCorrelation } from "../../src/advise/recommend/ranking.ts";
import { evaluateProbe, scoresOf } from "../../src/advise/recommend/transferability-scores.ts";
import { createRandom } from "../../src/base/random.ts";
import { discoverDataset } from "../../src/data/dataset/discover.ts";
import { denseTable } from "../../src/train/features/feature-table.ts";
import { train } from "../../src/train/train-dataset.ts";
import { shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";
import { featuresFor, openNamed, type Settings, trueProbe } from "./settings.ts";

/** Training images that estimates are made from. */
const SAMPLE = 200;

interface Row {
  readonly logme: number;
  readonly hScore: number;
  readonly knn: number;
  readonly probe: number;
  readonly trueProbe: number;
  readonly tuned: number;
}

const estimates = ["logme", "hScore", "knn", "probe"] as const;
const truths = ["trueProbe", "tuned"] as const;

/** Prints every estimate with the truth, and their rank correlations. */
export async function benchScores({ data, networks }: Settings): Promise<void> {
  const correlations: string[][] = [["dataset", "estimate", "with the probe", "with fine-tuning", "networks"]];
  const rows: string[][] = [
    ["dataset", "network", "LogME", "H-score", "5-NN", "probe, cv", "probe, test", "fine-tuned, test"],
  ];
  for (const name of data) {
    const found: Row[] = [];
    for (const called of networks) {
      const row = await measured(name, called);
      found.push(row);
      const figures = [row.logme, row.hScore, row.knn, row.probe, row.trueProbe, row.tuned];
      rows.push([name, called, ...figures.map((value) => value.toFixed(3))]);
      console.log(rows.at(-1)!.join("  "));
    }
    for (const estimate of estimates) {
      const each = truths.map((truth) =>
        rankCorrelation(
          found.map((row) => row[estimate]),
          found.map((row) => row[truth]),
        ),
      );
      correlations.push([name, estimate, ...each.map((value) => value?.toFixed(2) ?? "–"), String(found.length)]);
    }
  }
  printTable(`Estimates from ${SAMPLE} training pictures, and the truth on the test folders`, rows);
  printTable("Spearman's rank correlation over the networks", correlations);
}

async function measured(data: string, called: string): Promise<Row> {
  const network = await openNamed(called);
  const features = await featuresFor(data, network);
  const { train: own, columns, classes } = features;
  const order = stratifiedOrder(own.labels, createRandom(0)).slice(0, SAMPLE);
  const sample = new Float32Array(order.length * columns);
  order.forEach((row, i) => {
    sample.set(own.data.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  const labels = Int32Array.from(order, (row) => own.labels[row]!);
  const { accuracy } = await evaluateProbe(denseTable(sample, columns), { labels, groups: undefined }, classes, 0);
  const { logme, hScore, knn } = scoresOf(denseTable(sample, columns), labels, classes);
  const dataset = await discoverDataset(shared("datasets", data));
  const tuned = await train({ dataset, network, finetune: { unfreeze: "1", epochs: 6, augment: "none" } });
  return {
    ...{ logme, hScore, knn, probe: accuracy },
    trueProbe: await trueProbe(features),
    tuned: tuned.test.evaluation.accuracy,
  };
}
