/** `graft recommend`: finds the network that suits the user's images and this machine. */

import type { Command } from "commander";
import * as v from "valibot";
import { gatherCandidates } from "../../advise/recommend/candidates.ts";
import { rememberedCosts } from "../../advise/recommend/network-cost.ts";
import { recommend } from "../../advise/recommend/recommend.ts";
import {
  budgetSeconds,
  DEFAULT_BUDGET,
  latencyMs,
  nextCommand,
  type RankedCandidate,
  type Recommendation,
  sizeBytes,
} from "../../advise/recommend/recommendation.ts";
import { flag, listOf, onlyWhen, optionsOf, seed, text } from "../../base/option-schemas.ts";
import { graftVersion } from "../../base/version.ts";
import { networkName, preprocessing } from "../../networks/open-options.ts";
import { preprocessingPresets } from "../../networks/preprocessing/preprocessing.ts";
import { renderRecommendation } from "../../report/pages.ts";
import { recommendationFacts, writeAdvice } from "../../run/run-files.ts";
import { bytes, milliseconds, number, readDataset, seconds, several, withSchema } from "../flags.ts";
import { note, noteUnused, percent, print, printJson, scatter, table, withProgress } from "../output.ts";
import { interruptible, stoppedCode } from "../process.ts";

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

// The text output: a ranking, a plot of accuracy against latency, and one recommendation.

/** Letters for networks in the plot. */
const MARKS = "abcdefghijklmnopqrstuvwxyz";
/** The number of left-out networks to name. */
const NAMED = 6;

/** Prints a recommendation and the command to run next. */
export function showRecommendation(of: Recommendation, next: string | undefined): void {
  const { candidates, pictures, leftOut, skipped, gap, baseline } = of;
  print();
  print(table([HEADER, ...candidates.map(cells)]));
  const judged = `Accuracy of a linear probe, cross-validated on ${pictures.judged} of ${pictures.available} images (${of.keptForTest} more are held out for testing), with 95% intervals.`;
  const estimated = candidates.some((one) => one.pictures < pictures.judged)
    ? " For networks that dropped out early, it is estimated from their distance to the best at that point."
    : "";
  print(judged + estimated);
  print(`Baseline: always predicting "${baseline.class}" reaches ${percent(baseline.accuracy)}. ~ marks estimates.`);
  if (candidates.length > 1) showFront(candidates);
  print();
  noteUnused("Skipped", skipped);
  if (leftOut.length > 0) showLeftOut(leftOut);
  if (gap) print(gap.words);
  if (of.interrupted)
    note("Stopped early: these are the results so far. Run the same command again to continue from the cache.");
  print(of.reason);
  if (next !== undefined) print(`Next: ${next}`);
}

const HEADER = [
  "",
  "network",
  "accuracy",
  "interval",
  "images",
  "latency",
  "p95",
  "model",
  "memory",
  "training",
  "licence",
];

function cells(one: RankedCandidate, at: number): string[] {
  const { cost } = one;
  const about = cost.known === "predicted" ? "~" : "";
  return [
    MARKS[at] ?? "·",
    one.name,
    percent(one.accuracy),
    `${(100 * one.interval[0]).toFixed(1)}–${percent(one.interval[1])}`,
    String(one.pictures),
    `${about}${cost.latencyMs.toFixed(1)} ms`,
    `${about}${cost.p95LatencyMs.toFixed(1)} ms`,
    `${(cost.sizeBytes / 1e6).toFixed(1)} MB`,
    `${about}${Math.round(cost.memoryBytes / 1e6)} MB`,
    `~${one.trainSeconds.toFixed(0)} s`,
    one.licence,
  ];
}

function showFront(candidates: readonly RankedCandidate[]): void {
  const marked = candidates.slice(0, MARKS.length).map((one, at) => ({ one, mark: MARKS[at]! }));
  print();
  print(
    scatter({
      // Networks on the Pareto front have capital letters.
      dots: marked.map(({ one, mark }) => ({
        x: one.cost.latencyMs,
        y: one.accuracy,
        mark: one.isOnFront ? mark.toUpperCase() : mark,
      })),
      xLabel: "milliseconds per image",
      yLabel: "accuracy (capital letter: no other network is as accurate, as fast and as small)",
      formatX: (value) => `${value.toPrecision(2)} ms`,
      formatY: percent,
    }).split("\n"),
  );
}

function showLeftOut(leftOut: Recommendation["leftOut"]): void {
  const reasons = groups(leftOut);
  for (const [reason, names] of reasons) {
    const shown = names.slice(0, NAMED).join(", ");
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
    note(`Left out: ${shown}${more}: ${reason}.`);
  }
}

/** Groups networks by reason; reasons that differ only in the network's name count as one. */
function groups(leftOut: Recommendation["leftOut"]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name, reason } of leftOut) {
    const general = reason.replaceAll(name, "NAME").replace(/[.:]$/, "");
    found.set(general, [...(found.get(general) ?? []), name]);
  }
  return found;
}
