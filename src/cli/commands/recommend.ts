/** `graft recommend`: finds the network that suits the user's images and this machine. */
import type { Command } from "commander";
import * as v from "valibot";
import { rememberedCosts } from "../../advise/costs/remembered.ts";
import { gatherCandidates } from "../../advise/recommend/candidates.ts";
import { budgetSeconds, DEFAULT_BUDGET, latencyMs, sizeBytes } from "../../advise/recommend/options.ts";
import { recommend } from "../../advise/recommend/recommend.ts";
import { nextCommand } from "../../advise/recommend/words.ts";
import { flag, listOf, onlyWhen, optionsOf, seed, text } from "../../base/options.ts";
import { graftVersion } from "../../base/version.ts";
import { renderRecommendation } from "../../report/pages.ts";
import { recommendationFacts, writeAdvice } from "../../run/advice-files.ts";
import { preprocessing } from "../../zoo/model-options.ts";
import { networkName } from "../../zoo/open-options.ts";
import { preprocessingPresets } from "../../zoo/preprocessing.ts";
import { bytes, milliseconds, number, seconds, several, withSchema } from "../flags.ts";
import { interruptible, stoppedCode } from "../interruption.ts";
import { note, print, printJson, withProgress } from "../output.ts";
import { readDataset } from "../read-dataset.ts";
import { showRecommendation } from "../recommend-display.ts";

const recommendFlags = v.pipe(
  optionsOf({
    network: v.optional(listOf(networkName)),
    preprocessing: v.optional(preprocessing),
    latency: v.optional(latencyMs),
    maxSize: v.optional(sizeBytes),
    budget: v.optional(budgetSeconds, DEFAULT_BUDGET),
    seed: v.optional(seed, 0),
    offline: v.optional(flag),
    out: v.optional(text("the path of a folder")),
    json: v.optional(flag, false),
  }),
  onlyWhen(
    ({ network }) => network !== undefined,
    ["preprocessing"],
    "to .onnx files: name one with {network}, or leave it out",
  ),
);

type RecommendFlags = v.InferOutput<typeof recommendFlags>;

export function recommendCommand(command: Command): Command {
  command
    .argument("<dataset>", "as for `graft train`")
    .option(
      "--network <file>",
      "another network to compare: an .onnx file or a name from the catalogue; can be repeated",
      several,
    )
    .option(
      "--preprocessing <preset>",
      `the preprocessing of the .onnx files: ${Object.keys(preprocessingPresets).join(", ")}`,
    )
    .option("--latency <time>", "only networks with at most this latency per image, such as 20ms", milliseconds)
    .option("--max-size <bytes>", "only networks whose model has at most this size, such as 20MB", bytes)
    .option("--budget <time>", "time limit, such as 90s or 2m; downloads do not count", seconds)
    .option("--seed <n>", "the same seed gives the same samples and folds", number)
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
    );
  return withSchema(command, recommendFlags, recommendAction);
}

async function recommendAction(flags: RecommendFlags, path: string): Promise<void> {
  const dataset = await readDataset(path);
  const limits = { latencyMs: flags.latency, sizeBytes: flags.maxSize };
  const stop = interruptible("Stopped: the results so far are kept. Run the same command again to continue.");
  const found = await withProgress(async (line) => {
    const field = await gatherCandidates({
      limits,
      named: flags.network,
      remembered: await rememberedCosts(),
      offline: flags.offline,
      preprocessing: flags.preprocessing,
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
      stop,
    });
  });
  const next = found.recommended === undefined ? undefined : nextCommand(path, found.recommended);
  const facts = recommendationFacts(found, { next, ignored: dataset.ignored });
  let written: string | undefined;
  if (flags.out !== undefined) {
    const about = { dataset: path, createdAt: new Date().toISOString(), next, versions: { graft: graftVersion } };
    written = await writeAdvice(flags.out, "recommendation", { facts, page: await renderRecommendation(found, about) });
  }
  if (flags.json) printJson(facts);
  else {
    showRecommendation(found, next);
    if (written !== undefined) print(`The report is ${written}.`);
  }
  if (found.interrupted) process.exitCode = stoppedCode();
}
