/** `graft compare`: compares transfer, fine-tuning and training from scratch on the user's images. */

import type { Command } from "commander";
import * as v from "valibot";
import { compare } from "../../advise/compare/compare.ts";
import { type Comparison, epochs, splits, unfreeze } from "../../advise/compare/comparison.ts";
import type { Strategy } from "../../advise/compare/comparison-runs.ts";
import { overfittingText, strategyNames, trainedText } from "../../advise/compare/verdict-text.ts";
import { budgetSeconds } from "../../advise/recommend/recommendation.ts";
import { flag, optionsOf, rule, seed, text } from "../../base/option-schemas.ts";
import { graftVersion } from "../../base/version.ts";
import { DEFAULT_NETWORK } from "../../networks/catalogue/catalogue.ts";
import { openNetwork } from "../../networks/open.ts";
import { networkName, preprocessing } from "../../networks/open-options.ts";
import { preprocessingPresets } from "../../networks/preprocessing/preprocessing.ts";
import { renderComparison } from "../../report/pages.ts";
import { commandAfter, comparisonFacts, writeAdvice } from "../../run/run-files.ts";
import { number, readDataset, seconds, withSchema } from "../flags.ts";
import { note, noteUnused, percent, print, printJson, scatter, table, withProgress } from "../output.ts";
import { interruptible, stoppedCode } from "../process.ts";

const compareFlags = v.pipe(
  optionsOf({
    network: v.optional(networkName, DEFAULT_NETWORK),
    preprocessing: v.optional(preprocessing),
    budget: v.optional(budgetSeconds),
    epochs: v.optional(epochs),
    splits: v.optional(splits),
    unfreeze: v.optional(unfreeze),
    seed: v.optional(seed, 0),
    offline: v.optional(flag),
    out: v.optional(text("the path of a folder")),
    json: v.optional(flag, false),
  }),
  rule(
    ({ budget, epochs }) => budget === undefined || epochs === undefined,
    "{epochs} limits the work, {budget} the time: leave one of them out.",
  ),
);

export function compareCommand(command: Command): Command {
  command
    .argument("<dataset>", "as for `graft train`")
    .option("--network <name|file>", "the pretrained network, as for `graft train`")
    .option(
      "--preprocessing <preset>",
      `the preprocessing of an .onnx file: ${Object.keys(preprocessingPresets).join(", ")}`,
    )
    .option("--budget <time>", "time limit, such as 5m; default 10m", seconds)
    .option("--epochs <n>", "limit the work instead: maximum epochs of one training, however long they take", number)
    .option("--splits <n>", "number of random splits into training and evaluation images; default 3", number)
    .option("--unfreeze <stage|n|all>", "what fine-tuning trains, as for `graft train`; default: the last third")
    .option("--seed <n>", "the same seed gives the same splits", number)
    .option("--offline", "use only networks that are in the cache")
    .option("--out <dir>", "also write comparison.json and comparison.html there")
    .option("--json", "print one JSON object on stdout")
    .addHelpText(
      "after",
      `
Examples:
  graft compare ./photos
  graft compare ./photos --network inception_v3 --budget 5m --out advice`,
    );
  return withSchema(command, compareFlags, compareAction);
}

async function compareAction(flags: v.InferOutput<typeof compareFlags>, path: string): Promise<void> {
  const dataset = await readDataset(path);
  const stop = interruptible("Stopped: the results so far are kept. Run the same command again to continue.");
  const found = await withProgress(async (line) => {
    const tell = (text: string): void => {
      line.end();
      note(text);
    };
    const { preprocessing, offline, seed, budget, epochs, splits, unfreeze } = flags;
    const network = await openNetwork(flags.network, { onProgress: line.show, preprocessing, offline });
    if (network.assumedPreprocessing)
      tell(`The preprocessing of ${network.name} is ${network.preprocessingFrom}; change it with --preprocessing.`);
    return compare({
      ...{ dataset, network, seed, budgetSeconds: budget, epochs, splits, unfreeze, stop },
      onProgress: line.show,
      onNote: tell,
    });
  });
  const next = commandAfter(found, path, flags.network);
  const facts = comparisonFacts(found, { next, ignored: dataset.ignored });
  let written: string | undefined;
  if (flags.out !== undefined) {
    const about = { dataset: path, createdAt: new Date().toISOString(), next, versions: { graft: graftVersion } };
    written = await writeAdvice(flags.out, "comparison", { facts, page: await renderComparison(found, about) });
  }
  if (flags.json) printJson(facts);
  else {
    showComparison(found, next);
    if (written !== undefined) print(`The report is ${written}.`);
  }
  if (found.interrupted) process.exitCode = stoppedCode();
}

// The text output: learning curves as a table and a plot, and the verdict with its evidence.

const marks: Readonly<Record<Strategy, string>> = { probe: "p", "fine-tune": "f", scratch: "s" };

/** Prints a comparison and the command to run next. */
export function showComparison(of: Comparison, next: string | undefined): void {
  const { roads, baseline, skipped, gap } = of;
  print();
  const rows = roads.flatMap(({ road, points }) =>
    points.map((point) => [
      marks[road],
      strategyNames[road],
      String(point.pictures),
      percent(point.accuracy),
      `${(100 * point.interval[0]).toFixed(1)}–${percent(point.interval[1])}`,
      `${(100 * point.overfitting).toFixed(1)}`,
      `${point.seconds.toFixed(1)} s`,
      trainedText(point),
      String(point.runs),
    ]),
  );
  print(
    table([["", "strategy", "images", "accuracy", "interval", "overfitting", "training", "epochs", "runs"], ...rows]),
  );
  print(
    `Each strategy was evaluated on ${of.pictures.judged} held-out images; ${of.keptForTest} more are held out for testing.`,
  );
  print(
    `Baseline: always predicting "${baseline.class}" reaches ${percent(baseline.accuracy)}. ${overfittingText(roads)}`,
  );
  const dots = roads.flatMap(({ road, points }) =>
    points.map(({ pictures, accuracy }) => ({ x: pictures, y: accuracy, mark: marks[road] })),
  );
  if (dots.length > 1) {
    print();
    print(
      scatter({
        ...{ dots, xLabel: "training images", yLabel: "accuracy" },
        formatX: (value) => value.toFixed(0),
        formatY: percent,
      }).split("\n"),
    );
  }
  print();
  noteUnused("Skipped", skipped);
  if (of.interrupted) note("Stopped early: these are the results so far.");
  if (gap) print(gap.words);
  print(of.reason);
  if (next !== undefined) print(`Next: ${next}`);
}
