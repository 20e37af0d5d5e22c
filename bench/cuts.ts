/** Bench `cuts`: which cut and which resizing suit a network best. No peer: the results go into the catalogue. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../src/base/random.ts";
import { openNetwork } from "../src/networks/open.ts";
import type { Fit } from "../src/networks/preprocessing/preprocessing.ts";
import { denseTable } from "../src/train/features/feature-table.ts";
import { fitHead, headLogits } from "../src/train/head/fit.ts";
import { accuracyOf, featuresOf } from "./support/features.ts";
import { readFlags } from "./support/flags.ts";
import { shared } from "./support/shared.ts";
import { printTable } from "./support/table.ts";

const fits: Readonly<Record<string, Fit>> = {
  stretch: { kind: "stretch" },
  crop875: { kind: "crop", fraction: 0.875 },
  crop950: { kind: "crop", fraction: 0.95 },
};

/**
 * For every dataset, cut and fit that is asked for (lists with commas): accuracy of the linear probe in cross-validation
 * on the training images, which is what may choose, and on the test folder, which may not.
 */
export async function benchCuts(given: readonly string[]): Promise<void> {
  const flags = readFlags(given, { network: "resnet50", cuts: "", data: "flowers,pollen", fits: "stretch" });
  const cuts = flags.cuts === "" ? [undefined] : flags.cuts.split(",");
  const folder = await mkdtemp(join(tmpdir(), "graft-bench-"));
  const rows: string[][] = [["dataset", "cut", "fit", "features", "cross-validation", "log loss", "test folder"]];
  try {
    for (const data of flags.data.split(",")) {
      for (const cut of cuts) {
        for (const fit of flags.fits.split(",")) {
          const opened = await openNetwork(flags.network, { cut });
          const network = { ...opened, preprocessing: { ...opened.preprocessing, fit: fits[fit]! } };
          const own = await mkdtemp(join(folder, "features-"));
          const { train, test, columns, classes } = await featuresOf(shared("datasets", data), network, own);
          const table = denseTable(train.data, columns);
          const fitted = await fitHead(table, train.labels, classes, createRandom(0));
          const chosen = fitted.tried.find(({ l2 }) => l2 === fitted.l2)!;
          const accuracy = accuracyOf(headLogits(fitted.head, denseTable(test.data, columns)), test.labels, classes);
          const figures = [chosen.accuracy, chosen.logLoss, accuracy].map((value) => value.toFixed(3));
          rows.push([data, network.cut, fit, String(columns), ...figures]);
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  printTable(`Linear probes on ${flags.network}`, rows);
}
