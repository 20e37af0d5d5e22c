/** The text output of `graft recommend`: a ranking, a plot of accuracy against latency, and one recommendation. */
import type { RankedCandidate, Recommendation } from "../advise/recommend/recommendation.ts";
import { note, noteUnused, percent, print, table } from "./output.ts";
import { scatter } from "./scatter.ts";

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

/** Names by the reason; a reason that names its network stands for all that differ in the name alone. */
function groups(leftOut: Recommendation["leftOut"]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name, reason } of leftOut) {
    const general = reason.replaceAll(name, "NAME").replace(/[.:]$/, "");
    found.set(general, [...(found.get(general) ?? []), name]);
  }
  return found;
}
