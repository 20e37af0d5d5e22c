/** `graft compare`: transfer, fine-tune or train from scratch, measured on the user's own images. */
import { join } from "node:path";
import type { Command } from "commander";
import * as v from "valibot";
import { compare } from "../../advise/compare/compare.ts";
import type { Comparison } from "../../advise/compare/comparison.ts";
import { epochs, splits, unfreeze } from "../../advise/compare/options.ts";
import { budgetSeconds } from "../../advise/recommend/options.ts";
import { nextCommand } from "../../advise/recommend/words.ts";
import { makeFolder, writeWhole } from "../../base/files.ts";
import { flag, optionsOf, rule, seed, text } from "../../base/options.ts";
import { graftVersion } from "../../base/version.ts";
import { renderComparison } from "../../report/pages.ts";
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
    "{epochs} bounds the work, {budget} the time: leave one of them out.",
  ),
);

export function compareCommand(command: Command): Command {
  command
    .argument("<dataset>", "as for `graft train`")
    .option("--network <name|file>", "the pretrained network, as for `graft train`")
    .option(
      "--preprocessing <preset>",
      `how an .onnx file wants its pixels: ${Object.keys(preprocessingPresets).join(", ")}`,
    )
    .option("--budget <time>", "how long it may take, such as 5m; default 10m", seconds)
    .option("--epochs <n>", "bound the work instead: epochs of one training at most, however long they take", number)
    .option("--splits <n>", "ways to split the images into those learned from and those judged; default 3", number)
    .option("--unfreeze <stage|n|all>", "what fine-tuning trains, as for `graft train`; default: the last third")
    .option("--seed <n>", "the same seed splits the images alike", number)
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
  const stop = interruptible("Stopped: what was computed is kept, run the same command again to go on.");
  const found = await withProgress(async (line) => {
    const tell = (text: string): void => {
      line.end();
      note(text);
    };
    const { preprocessing, offline, seed, budget, epochs, splits, unfreeze } = flags;
    const network = await openNetwork(flags.network, { onProgress: line.show, preprocessing, offline });
    if (network.assumedPreprocessing)
      tell(`How ${network.name} wants its pixels is ${network.preprocessingFrom}; --preprocessing says otherwise.`);
    return compare({
      ...{ dataset, network, seed, budgetSeconds: budget, epochs, splits, unfreeze, stop },
      onProgress: line.show,
      onNote: tell,
    });
  });
  const next = nextAfter(found, path, flags.network);
  const json = { ...comparisonJson(found, next), ignored: dataset.ignored };
  if (flags.out !== undefined) {
    await makeFolder(flags.out);
    await writeWhole(join(flags.out, "comparison.json"), `${JSON.stringify(json, null, 2)}\n`);
    const page = { dataset: path, createdAt: new Date().toISOString(), next, versions: { graft: graftVersion } };
    await writeWhole(join(flags.out, "comparison.html"), await renderComparison(found, page));
  }
  if (flags.json) printJson(json);
  else {
    showComparison(found, next);
    if (flags.out !== undefined) print(`The report is ${join(flags.out, "comparison.html")}.`);
  }
  if (found.interrupted) process.exitCode = stoppedCode();
}

/** The command that follows from a verdict, or leads to one; nothing where Graft has none for it. */
function nextAfter(
  { verdict, unfreeze, needs, scratch }: Comparison,
  dataset: string,
  network: string,
): string | undefined {
  const again = nextCommand(dataset, network, "compare");
  if (verdict === "transfer") return nextCommand(dataset, network);
  if (verdict === "fine-tune") return `${nextCommand(dataset, network)} --unfreeze ${unfreeze}`;
  if (verdict === "scratch" && scratch) {
    const { name, learningRate, augment, epochs: count } = scratch;
    return `${nextCommand(dataset, name)} --from-scratch --learning-rate ${learningRate} --augment ${augment} --epochs ${count}`;
  }
  if (needs?.budgetSeconds !== undefined) return `${again} --budget ${Math.round(needs.budgetSeconds / 60)}m`;
  return needs?.moreEpochs === undefined ? undefined : `${again} --epochs ${needs.moreEpochs}`;
}

/** The object of `graft compare --json`. */
export function comparisonJson(found: Comparison, next: string | undefined): Record<string, unknown> {
  const { verdict, roads, evidence, savings, scratch, gap, needs, budgetSeconds, epochs, ...rest } = found;
  return {
    verdict,
    ...rest,
    evidence: evidence ?? null,
    savings: savings ?? null,
    scratch: scratch ?? null,
    gap: gap ?? null,
    needs: needs ?? null,
    budgetSeconds: budgetSeconds ?? null,
    epochs: epochs ?? null,
    next: next ?? null,
    roads,
  };
}
