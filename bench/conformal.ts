/** Bench `conformal`: whether sets that guarantee 90% contain the true class that often, over many seeded splits of three datasets. */
import { createRandom } from "../src/base/random.ts";
import { stratifiedSplit } from "../src/data/dataset/split.ts";
import { COVERAGE, fitConformal, type SetScores, scoreSets } from "../src/metrics/conformal.ts";
import { softmax } from "../src/metrics/logits.ts";
import { fitTemperature } from "../src/metrics/temperature.ts";
import { openNetwork } from "../src/networks/open.ts";
import { denseTable } from "../src/train/features/feature-table.ts";
import { fitHead, headLogits } from "../src/train/head/fit.ts";
import { readFlags } from "./support/flags.ts";
import { machine } from "./support/machine.ts";
import { shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";
import { cachedFeatures, joined, rowsOf } from "./trust/cached.ts";

const DATASETS = ["flowers", "pollen", "sign-digits"];
/** Share of all images that is the test of a split, as in a training without a test folder. */
const TEST_SHARE = 0.2;

/** Measures and prints. Each split is a training as `graft train` does it: sets are calibrated on out-of-fold predictions. */
export async function benchConformal(given: readonly string[]): Promise<void> {
  const { network: name, splits } = readFlags(given, { network: "", splits: 20 });
  const network = await openNetwork(name || shared("networks", "mobilenet_v2_100_224.onnx"));
  console.log(machine());
  const rows: string[][] = [];
  for (const dataset of DATASETS) {
    const { columns, classes, train, test } = await cachedFeatures(dataset, network);
    const all = joined([train, test]);
    const scores: SetScores[] = [];
    let [asked, calibrated] = [0, 0];
    for (let seed = 0; seed < splits; seed++) {
      const random = createRandom(seed);
      const { kept, held } = stratifiedSplit(all.labels, TEST_SHARE, random, undefined);
      const [fitted, judged] = [rowsOf(all, kept), rowsOf(all, held)];
      const { head, outOfFoldLogits } = await fitHead(denseTable(fitted.data, columns), fitted.labels, classes, random);
      const { temperature } = fitTemperature(outOfFoldLogits, fitted.labels);
      const conformal = fitConformal(softmax(outOfFoldLogits, classes, temperature), fitted.labels);
      const logits = headLogits(head, denseTable(judged.data, columns));
      scores.push(scoreSets(softmax(logits, classes, temperature), judged.labels, conformal));
      [asked, calibrated] = [held.length, kept.length];
    }
    const mean = (of: (score: SetScores) => number): number =>
      scores.reduce((sum, score) => sum + of(score), 0) / scores.length;
    // A split's coverage varies by the test's size and by the calibration's.
    const error = Math.sqrt(COVERAGE * (1 - COVERAGE) * (1 / asked + 1 / calibrated));
    const within = scores.filter(({ covered }) => Math.abs(covered - COVERAGE) <= 2 * error).length;
    const share = (value: number): string => `${(100 * value).toFixed(1)}%`;
    rows.push([
      dataset,
      `${calibrated} + ${asked}`,
      share(mean(({ covered }) => covered)),
      `${share(Math.min(...scores.map(({ covered }) => covered)))}–${share(Math.max(...scores.map(({ covered }) => covered)))}`,
      share(error),
      `${within} of ${splits}`,
      mean(({ size }) => size).toFixed(2),
      share(mean(({ single }) => single)),
      share(mean(({ empty }) => empty)),
    ]);
  }
  printTable(`Sets that promise ${100 * COVERAGE}%, ${splits} seeded splits, features of ${network.name}`, [
    [
      "dataset",
      "calibrated + asked",
      "covered",
      "of single splits",
      "binomial error",
      "within twice that",
      "classes",
      "one class",
      "none",
    ],
    ...rows,
  ]);
}
