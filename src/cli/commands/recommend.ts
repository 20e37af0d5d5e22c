/** `graft recommend`: which network suits these pictures and this machine. */
import { join } from "node:path";
import { Command, Option } from "commander";
import { rememberedCosts } from "../../advise/costs/remembered.ts";
import { gatherCandidates } from "../../advise/recommend/candidates.ts";
import { DEFAULT_BUDGET } from "../../advise/recommend/options.ts";
import { recommend } from "../../advise/recommend/recommend.ts";
import type { Recommendation } from "../../advise/recommend/recommendation.ts";
import { nextCommand } from "../../advise/recommend/words.ts";
import { makeFolder, writeWhole } from "../../base/files.ts";
import { graftVersion } from "../../base/version.ts";
import { discoverDataset } from "../../data/dataset/discover.ts";
import { renderRecommendation } from "../../report/advice/recommendation.ts";
import { preprocessingPresets } from "../../zoo/preprocessing.ts";
import { interruptible } from "../interruption.ts";
import { bytes, milliseconds, presetName, seconds, wholeNumber } from "../options.ts";
import { note, print, printJson, withProgress } from "../output.ts";
import { showRecommendation } from "../recommend-display.ts";

export interface RecommendFlags {
  readonly network: readonly string[];
  readonly preprocessing?: keyof typeof preprocessingPresets;
  readonly latency?: number;
  readonly maxSize?: number;
  readonly budget: number;
  readonly seed: number;
  readonly offline?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export function recommendCommand(): Command {
  return new Command("recommend")
    .description("say which network suits these pictures and this machine")
    .argument("<dataset>", "as for `graft train`")
    .option(
      "--network <file>",
      "an .onnx file, or a name of the catalogue, that takes part besides the others; may be given several times",
      (value: string, before: readonly string[]) => [...before, value],
      [] as readonly string[],
    )
    .addOption(
      new Option(
        "--preprocessing <preset>",
        `how the .onnx files want their pixels: ${Object.keys(preprocessingPresets).join(", ")}`,
      ).argParser(presetName),
    )
    .option("--latency <time>", "only networks that take at most so long for a picture, such as 20ms", milliseconds)
    .option("--max-size <bytes>", "only networks whose model has at most so many bytes, such as 20MB", bytes)
    .option(
      "--budget <time>",
      "how long it may take, such as 90s or 2m; fetching is not counted",
      seconds,
      DEFAULT_BUDGET,
    )
    .option("--seed <n>", "the same seed gives the same pictures and folds", wholeNumber(0), 0)
    .option("--offline", "use only networks that are in the cache")
    .option("--out <dir>", "also write recommendation.json and recommendation.html there")
    .option("--json", "print one JSON object on stdout")
    .addHelpText(
      "after",
      `
Examples:
  graft recommend ./photos
  graft recommend ./photos --latency 20ms --max-size 20MB --budget 1m
  graft recommend ./photos --network my-network.onnx --preprocessing imagenet --out advice`,
    )
    .action(recommendAction);
}

async function recommendAction(path: string, flags: RecommendFlags): Promise<void> {
  const dataset = await discoverDataset(path);
  const limits = { latencyMs: flags.latency, sizeBytes: flags.maxSize };
  const interruption = interruptible("Stopped: what was computed is kept, run the same command again to go on.");
  const found = await withProgress(async (line) => {
    const field = await gatherCandidates({
      limits,
      named: flags.network,
      remembered: await rememberedCosts(),
      ...(flags.offline ? { offline: true } : {}),
      ...(flags.preprocessing ? { preprocessing: flags.preprocessing } : {}),
    });
    return recommend({
      ...{ dataset, field, limits },
      budgetSeconds: flags.budget,
      seed: flags.seed,
      onProgress: line.show,
      onNote: (text) => {
        line.end();
        note(text);
      },
      signal: interruption.signal,
    });
  });
  const next = found.recommended === undefined ? undefined : nextCommand(path, found.recommended);
  const json = recommendationJson(found, next);
  if (flags.out !== undefined) {
    await makeFolder(flags.out);
    await writeWhole(join(flags.out, "recommendation.json"), `${JSON.stringify(json, null, 2)}\n`);
    const page = { dataset: path, createdAt: new Date().toISOString(), next, versions: { graft: graftVersion } };
    await writeWhole(join(flags.out, "recommendation.html"), renderRecommendation(found, page));
  }
  if (flags.json) printJson(json);
  else {
    showRecommendation(found, next);
    if (flags.out !== undefined) print(`The report is ${join(flags.out, "recommendation.html")}.`);
  }
  if (found.interrupted) process.exitCode = 1;
}

/** The object of `graft recommend --json`. */
export function recommendationJson(found: Recommendation, next: string | undefined): Record<string, unknown> {
  const { recommended, candidates, ...rest } = found;
  return { recommended: recommended ?? null, ...rest, gap: rest.gap ?? null, next: next ?? null, candidates };
}
