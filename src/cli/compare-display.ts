/** The text output of `graft compare`: learning curves as a table and a plot, and the verdict with its evidence. */
import type { Comparison } from "../advise/compare/comparison.ts";
import type { Strategy } from "../advise/compare/run.ts";
import { overfittingText, strategyNames, trainedText } from "../advise/compare/words.ts";
import { note, noteUnused, percent, print, table } from "./output.ts";
import { scatter } from "./scatter.ts";

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
