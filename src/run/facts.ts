/**
 * The facts of a finished training (`TrainRun`), as the JSON files of its run and `graft train --json` state them. Writes
 * nothing.
 */
import { relative, sep } from "node:path";
import type { Audit } from "../audit/audit.ts";
import { graftVersion } from "../base/version.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import { argmax } from "../metrics/logits.ts";
import type { TrainResult } from "../train/train-dataset.ts";
import type { Consumption, ReportExplanation } from "./report-input.ts";
import { runHeader } from "./run-files.ts";
import type { ReadMade, ReadMetrics, ReadPredictions } from "./schema.ts";

/** Everything there is to say about one training. */
export interface TrainRun {
  readonly result: TrainResult;
  readonly dataset: Dataset;
  readonly datasetPath: string;
  readonly seed: number;
  readonly out: string;
  /** Seconds outside of the training itself. */
  readonly timings: {
    /** From the start of the process to the start of the command. */
    readonly startUp: number;
    /** Reading the dataset's layout, and opening the network. */
    readonly open: number;
    readonly audit: number;
    readonly explanations: number;
  };
  /** Seconds since the command began. */
  readonly seconds: () => number;
  /** The audit's result; undefined if the data was not audited. */
  readonly audit: Audit | undefined;
  readonly explanations: readonly ReportExplanation[];
  readonly consumption: () => Promise<Consumption>;
}

/** Fields that are written but not read again. */
type More = Readonly<Record<string, unknown>>;

/** The object of `graft train --json`. */
export function trainFacts({ result, dataset, out, timings, seconds, audit }: TrainRun) {
  const { network, test, validation } = result;
  return {
    network: network.name,
    weights: network.source,
    classes: dataset.classes,
    counts: result.counts,
    accuracy: { validation: validation.evaluation.accuracy, test: test.evaluation.accuracy },
    interval: test.evaluation.interval,
    baseline: test.evaluation.baseline,
    validatedBy: validation.source,
    testedOn: test.source,
    straddling: test.straddling ?? null,
    groups: result.groups,
    timings: { ...timings, ...result.timings, total: seconds() },
    rates: result.rates,
    features: result.features,
    choice: result.choice ?? null,
    head: headFacts(result),
    temperature: result.calibration.temperature,
    calibration: calibrationFacts(result),
    trust: result.trust,
    findings: audit ? audit.findings.map(findingFacts) : null,
    labels: audit ? audit.labels : null,
    frozenUnchanged: result.frozenUnchanged,
    finetune: result.finetune,
    skipped: result.skipped,
    ignored: dataset.ignored,
    notes: dataset.notes ?? [],
    out,
  };
}

/** The calibration as numbers; `metrics.json` has the reliability diagrams too. */
function calibrationFacts({ calibration }: TrainResult) {
  const { temperature, bound, examples, errors, eceBefore, eceAfter, test } = calibration;
  const figures = ({ ece, logLoss, brier }: typeof test.after) => ({ ece, logLoss, brier });
  return {
    ...{ temperature, bound, examples, errors, eceBefore, eceAfter },
    test: { examples: test.examples, before: figures(test.before), after: figures(test.after) },
  };
}

const findingFacts = ({ check, title, confidence, expected, groups }: Audit["findings"][number]) => ({
  check,
  title,
  confidence,
  expected,
  pictures: groups.flat().length,
});

/** `metrics.json` */
export function metricsOf(run: TrainRun, modelSha256: string) {
  const { test, validation, calibration } = run.result;
  return {
    ...runHeader(modelSha256),
    ...trainFacts(run),
    test: test.evaluation,
    validation: validation.evaluation,
    calibration,
  } satisfies ReadMetrics & More;
}

/** `graft.json`: how the model was made. */
export function madeOf({ result, dataset, datasetPath, seed }: TrainRun, modelSha256: string) {
  const { network, calibration } = result;
  return {
    ...runHeader(modelSha256),
    graft: graftVersion,
    network: {
      name: network.name,
      source: network.source,
      sha256: network.sha256,
      licence: network.licence,
      cut: network.cut,
      views: result.shape.views ?? "plain",
      preprocessing: network.preprocessing,
    },
    dataset: { path: datasetPath, digest: result.datasetDigest, ...{ classes: dataset.classes } },
    seed,
    choice: result.choice ?? null,
    head: headFacts(result),
    temperature: calibration.temperature,
    versions: versions(),
  } satisfies ReadMade & More;
}

/** `answers.json` */
export const predictionsOf = ({ result, dataset }: TrainRun, modelSha256: string) =>
  ({
    ...runHeader(modelSha256),
    classes: dataset.classes,
    answers: testPredictions(result.test, dataset.root),
  }) satisfies ReadPredictions;

/** What the model predicts for each test image; classes by position. */
function testPredictions({ examples, probabilities }: TrainResult["test"], root: string): ReadPredictions["answers"] {
  const classes = probabilities.length / examples.length;
  return examples.map(({ path, label }, row) => {
    const prediction = argmax(probabilities, row * classes, classes);
    return {
      // Relative to the dataset's folder, with `/`.
      path: relative(root, path).split(sep).join("/"),
      truth: label,
      prediction,
      probability: probabilities[row * classes + prediction]!,
      truthProbability: probabilities[row * classes + label]!,
    };
  });
}

/** The versions of the software that was used. */
export const versions = (): Record<string, string> => ({ graft: graftVersion, node: process.versions.node });

function headFacts({ head }: TrainResult): {
  l2: number;
  folds: number;
  tried: TrainResult["head"]["tried"];
  unfinished: number;
} {
  return { l2: head.l2, folds: head.folds, tried: head.tried, unfinished: head.unfinished };
}
