/** `graft compare`: transfer, fine-tune or train from scratch, measured on the user's own pictures. */
import { join } from "node:path";
import { Command, Option } from "commander";
import { compare, DEFAULT_COMPARE_BUDGET } from "../../advise/compare/compare.ts";
import type { Comparison } from "../../advise/compare/comparison.ts";
import { nextCommand } from "../../advise/recommend/words.ts";
import { makeFolder, writeWhole } from "../../base/files.ts";
import { graftVersion } from "../../base/version.ts";
import { discoverDataset } from "../../data/dataset/discover.ts";
import { renderComparison } from "../../report/advice/comparison.ts";
import { DEFAULT_NETWORK } from "../../zoo/catalogue.ts";
import { openNetwork } from "../../zoo/open.ts";
import { preprocessingPresets } from "../../zoo/preprocessing.ts";
import { showComparison } from "../compare-display.ts";
import { interruptible } from "../interruption.ts";
import { presetName, seconds, wholeNumber } from "../options.ts";
import { note, print, printJson, withProgress } from "../output.ts";

interface CompareFlags {
  readonly network: string;
  readonly preprocessing?: keyof typeof preprocessingPresets;
  readonly budget: number;
  readonly unfreeze?: string;
  readonly seed: number;
  readonly offline?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export function compareCommand(): Command {
  return new Command("compare")
    .description("say whether to transfer, to fine-tune or to train from scratch")
    .argument("<dataset>", "as for `graft train`")
    .option("--network <name|file>", "the pretrained network, as for `graft train`", DEFAULT_NETWORK)
    .addOption(
      new Option(
        "--preprocessing <preset>",
        `how an .onnx file wants its pixels: ${Object.keys(preprocessingPresets).join(", ")}`,
      ).argParser(presetName),
    )
    .option("--budget <time>", "how long it may take, such as 5m", seconds, DEFAULT_COMPARE_BUDGET)
    .option("--unfreeze <stage|n|all>", "what fine-tuning trains, as for `graft train`; default: the last third")
    .option("--seed <n>", "the same seed deals the pictures alike", wholeNumber(0), 0)
    .option("--offline", "use only networks that are in the cache")
    .option("--out <dir>", "also write comparison.json and comparison.html there")
    .option("--json", "print one JSON object on stdout")
    .addHelpText(
      "after",
      `
Examples:
  graft compare ./photos
  graft compare ./photos --network inception_v3 --budget 5m --out advice`,
    )
    .action(compareAction);
}

async function compareAction(path: string, flags: CompareFlags): Promise<void> {
  const dataset = await discoverDataset(path);
  const interruption = interruptible("Stopped: what was computed is kept, run the same command again to go on.");
  const found = await withProgress(async (line) => {
    const tell = (text: string): void => {
      line.end();
      note(text);
    };
    const network = await openNetwork(flags.network, {
      onProgress: line.show,
      ...(flags.preprocessing ? { preprocessing: flags.preprocessing } : {}),
      ...(flags.offline ? { offline: true } : {}),
    });
    if (network.assumedPreprocessing)
      tell(`How ${network.name} wants its pixels is ${network.preprocessingFrom}; --preprocessing says otherwise.`);
    return compare({
      ...{ dataset, network, seed: flags.seed, budgetSeconds: flags.budget, signal: interruption.signal },
      ...(flags.unfreeze === undefined ? {} : { unfreeze: flags.unfreeze }),
      onProgress: line.show,
      onNote: tell,
    });
  });
  const next = nextAfter(found, path, flags.network);
  const json = comparisonJson(found, next);
  if (flags.out !== undefined) {
    await makeFolder(flags.out);
    await writeWhole(join(flags.out, "comparison.json"), `${JSON.stringify(json, null, 2)}\n`);
    const page = { dataset: path, createdAt: new Date().toISOString(), next, versions: { graft: graftVersion } };
    await writeWhole(join(flags.out, "comparison.html"), renderComparison(found, page));
  }
  if (flags.json) printJson(json);
  else {
    showComparison(found, next);
    if (flags.out !== undefined) print(`The report is ${join(flags.out, "comparison.html")}.`);
  }
  if (found.interrupted) process.exitCode = 1;
}

/** The command that follows from a verdict; nothing where Graft has none for it. */
function nextAfter({ verdict, unfreeze }: Comparison, dataset: string, network: string): string | undefined {
  if (verdict === "transfer") return nextCommand(dataset, network);
  if (verdict === "fine-tune") return `${nextCommand(dataset, network)} --unfreeze ${unfreeze}`;
  return undefined;
}

/** The object of `graft compare --json`. */
export function comparisonJson(found: Comparison, next: string | undefined): Record<string, unknown> {
  const { verdict, roads, evidence, savings, scratch, gap, ...rest } = found;
  return {
    verdict,
    ...rest,
    evidence: evidence ?? null,
    savings: savings ?? null,
    scratch: scratch ?? null,
    gap: gap ?? null,
    next: next ?? null,
    roads,
  };
}
