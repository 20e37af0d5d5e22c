/** `graft compare`: compares transfer, fine-tuning and training from scratch on the user's images. */
import type { Command } from "commander";
import * as v from "valibot";
import { compare } from "../../advise/compare/compare.ts";
import { epochs, splits, unfreeze } from "../../advise/compare/options.ts";
import { budgetSeconds } from "../../advise/recommend/options.ts";
import { flag, optionsOf, rule, seed, text } from "../../base/options.ts";
import { graftVersion } from "../../base/version.ts";
import { renderComparison } from "../../report/pages.ts";
import { commandAfter, comparisonFacts, writeAdvice } from "../../run/advice-files.ts";
import { DEFAULT_NETWORK } from "../../zoo/catalogue.ts";
import { preprocessing } from "../../zoo/model-options.ts";
import { openNetwork } from "../../zoo/open.ts";
import { networkName } from "../../zoo/open-options.ts";
import { preprocessingPresets } from "../../zoo/preprocessing.ts";
import { showComparison } from "../compare-display.ts";
import { number, seconds, withSchema } from "../flags.ts";
import { interruptible, stoppedCode } from "../interruption.ts";
import { note, print, printJson, withProgress } from "../output.ts";
import { readDataset } from "../read-dataset.ts";

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
