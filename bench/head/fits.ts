/** The head's cross-validated fit alone, Graft's and scikit-learn's, on the same features in memory. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRandom } from "../../src/base/random.ts";
import { openNetwork } from "../../src/networks/open.ts";
import { denseTable } from "../../src/train/features/feature-table.ts";
import { fitHead, headLogits } from "../../src/train/head/fit.ts";
import { accuracyOf, type Features, featuresOf } from "../support/features.ts";
import { median, ratios, spread, verdict } from "../support/figures.ts";
import { PYTHON } from "../support/python.ts";
import { numberAt, runJson } from "../support/run.ts";
import { ROOT, shared } from "../support/shared.ts";
import { printTable } from "../support/table.ts";
import { NETWORK, type Settings } from "./settings.ts";

interface Fit {
  readonly seconds: number;
  readonly accuracy: number;
}

/** Measures and prints the table of fits. */
export async function compareFits({ data, repeat, folder, withPeer }: Settings): Promise<void> {
  const features = await featuresOf(shared("datasets", data), await openNetwork(NETWORK), folder);
  await writeFeatures(features, folder);
  const [own, theirs]: [Fit[], Fit[]] = [[], []];
  for (let run = 0; run < repeat; run++) {
    own.push(await fitOnce(features));
    if (withPeer) theirs.push(await sklearnOnce(folder));
  }
  const { train, test, columns } = features;
  const seconds = (fits: readonly Fit[]): number[] => fits.map((fit) => fit.seconds);
  const accuracy = (fits: readonly Fit[]): number[] => fits.map((fit) => fit.accuracy);
  const faster = ratios(seconds(theirs), seconds(own));
  const gap = (median(accuracy(own)) - median(accuracy(theirs))) * 100;
  const peer = (...cells: readonly (() => string)[]): string[] => (withPeer ? cells.map((cell) => cell()) : []);
  const [heading, one] = ["scikit-learn LogisticRegressionCV", 100 / test.labels.length];
  printTable(`Head fit alone: ${train.labels.length} × ${columns} features, 7 strengths × 5 folds`, [
    [
      "",
      "Graft",
      ...peer(
        () => heading,
        () => "Graft",
        () => "",
      ),
    ],
    [
      "seconds",
      spread(seconds(own)),
      ...peer(
        () => spread(seconds(theirs)),
        () => `${spread(faster, "×")} faster`,
        () => verdict(faster, 10),
      ),
    ],
    [
      "test accuracy",
      spread(accuracy(own)),
      ...peer(
        () => spread(accuracy(theirs)),
        () => `${gap >= 0 ? "+" : ""}${gap.toFixed(2)} points`,
        () => `one image is ${one.toFixed(2)}`,
      ),
    ],
  ]);
}

async function fitOnce({ train, test, columns, classes }: Features): Promise<Fit> {
  const began = performance.now();
  const { head } = await fitHead(denseTable(train.data, columns), train.labels, classes, createRandom(0));
  const seconds = (performance.now() - began) / 1000;
  const logits = headLogits(head, denseTable(test.data, columns));
  return { seconds, accuracy: accuracyOf(logits, test.labels, classes) };
}

async function sklearnOnce(folder: string): Promise<Fit> {
  const { json } = await runJson(PYTHON, [join(ROOT, "bench", "peers", "sklearn_head.py"), folder]);
  return { seconds: numberAt(json, "seconds"), accuracy: numberAt(json, "accuracy") };
}

/** What `peers/sklearn_head.py` reads. */
async function writeFeatures({ columns, train, test }: Features, folder: string): Promise<void> {
  await writeFile(join(folder, "train.f32"), train.data);
  await writeFile(join(folder, "test.f32"), test.data);
  const facts = { columns, train: [...train.labels], test: [...test.labels] };
  await writeFile(join(folder, "head.json"), JSON.stringify(facts));
}
