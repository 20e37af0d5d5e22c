/** A finished training as the studio finds it in a project, without training: every file of it can be another. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReadMade, ReadMetrics, ReadPredictions } from "../../src/run/schema.ts";

const settings = { network: "resnet50", unfreeze: "none", seed: 0, classWeights: "none" };
const record = { createdAt: "2026-01-01T00:00:00.000Z", settings };

const evaluation = {
  ...{ examples: 2, correct: 1, accuracy: 0.5, interval: [0.1, 0.9] as const, balancedAccuracy: 0.5, logLoss: 0.7 },
  ...{ logLossFloored: 0, calibrationError: 0.1, reliability: [], baseline: null },
  perClass: ["circle", "square"].map((name) => ({
    ...{ name, support: 1, predicted: 1, precision: 0.5, recall: 0.5, f1: 0.5 },
  })),
  confusion: [
    [1, 0],
    [1, 0],
  ],
};
const calibration = {
  temperature: 1,
  eceBefore: 0,
  eceAfter: 0,
  binsBefore: [],
  binsAfter: [],
  bound: "none",
} as const;
const metrics = {
  ...{
    classes: ["circle", "square"],
    interval: [0.1, 0.9],
    testedOn: "held-out" as const,
    validatedBy: "held-out" as const,
  },
  ...{ counts: { train: 2, validation: 2, test: 2, skipped: 0 }, timings: { total: 1 }, skipped: [] },
  ...{ test: evaluation, validation: evaluation, calibration },
} satisfies ReadMetrics;
const made = { dataset: { path: "x", digest: "y" } } satisfies ReadMade;
const answer = { path: "circle/000.png", truth: 0, prediction: 1, probability: 0.6, truthProbability: 0.4 };
const answers = { classes: ["circle", "square"], answers: [answer] } satisfies ReadPredictions;

/** What the files of {@link writeFinishedRun} hold. */
export const finished = { settings, record, evaluation, metrics, answer, answers };

/**
 * Writes a finished training into the project at `root` and returns its folder.
 *
 * @param changes files that differ: texts as they are, the rest as JSON; undefined leaves one out
 */
export function writeFinishedRun(root: string, id: string, changes: Readonly<Record<string, unknown>> = {}): string {
  const folder = join(root, ".graft/runs", id);
  mkdirSync(folder, { recursive: true });
  const all = {
    ...{ "run.json": record, "metrics.json": metrics, "graft.json": made },
    ...{ "answers.json": answers, "model.onnx": "model", "report.html": "<p>report</p>", "events.log": "#begins\n" },
    ...changes,
  };
  for (const [name, content] of Object.entries(all))
    if (content !== undefined)
      writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  return folder;
}
