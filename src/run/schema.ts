/** Schemas of a run's JSON files, as far as they are read again. They are checked because anyone may have written them. */
import * as v from "valibot";
import { dataError, type GraftError } from "../base/errors.ts";
import type { Calibration } from "../metrics/calibrate.ts";
import type { ClassScores, Evaluation } from "../metrics/evaluation.ts";
import { SCHEMA_VERSION } from "./run-files.ts";

const text = v.pipe(v.string(), v.maxLength(4096));
/** JSON can contain infinity: 1e999. */
const number = v.pipe(v.number(), v.finite());
const maybe = v.nullable(number);
const interval = v.tuple([number, number]);
const texts = v.array(text);

const bin = v.object({ lower: number, upper: number, count: number, confidence: maybe, accuracy: maybe });

/** Metrics as they are read; runs of earlier versions lack those that were added later. */
type Later = "brier" | "perClass";
type LaterOfClass = "precisionInterval" | "recallInterval" | "few";
export type ReadClassScores = Omit<ClassScores, LaterOfClass> & {
  readonly [K in LaterOfClass]?: ClassScores[K] | undefined;
};
export type ReadEvaluation = Omit<Evaluation, Later> & {
  readonly brier?: number | undefined;
  readonly perClass: readonly ReadClassScores[];
};
export type ReadCalibration = Omit<Calibration, "examples" | "errors"> & {
  readonly examples?: number | undefined;
  readonly errors?: number | undefined;
};

const laterInterval = v.optional(v.nullable(interval));

const evaluation: v.GenericSchema<unknown, ReadEvaluation> = v.looseObject({
  examples: number,
  correct: number,
  accuracy: number,
  interval,
  balancedAccuracy: number,
  logLoss: number,
  logLossFloored: number,
  brier: v.optional(number),
  calibrationError: number,
  reliability: v.array(bin),
  perClass: v.array(
    v.object({
      name: text,
      support: number,
      predicted: number,
      precision: maybe,
      recall: maybe,
      f1: maybe,
      precisionInterval: laterInterval,
      recallInterval: laterInterval,
      few: v.optional(v.boolean()),
    }),
  ),
  confusion: v.array(v.array(number)),
  baseline: v.nullable(v.object({ class: text, accuracy: number })),
});

const calibration: v.GenericSchema<unknown, ReadCalibration> = v.looseObject({
  temperature: number,
  eceBefore: number,
  eceAfter: number,
  binsBefore: v.array(bin),
  binsAfter: v.array(bin),
  bound: v.picklist(["none", "lowest", "highest"]),
  examples: v.optional(number),
  errors: v.optional(number),
});

const header = { schemaVersion: v.optional(number), modelSha256: v.optional(text) };

/** Whether an evaluation has this many classes, so that each has a name. */
const isOf = (
  classes: readonly string[],
  { perClass, confusion }: { readonly perClass: readonly unknown[] } & Pick<Evaluation, "confusion">,
): boolean =>
  perClass.length === classes.length &&
  confusion.length === classes.length &&
  confusion.every((row) => row.length === classes.length);

const metricsShape = v.object({
  ...header,
  classes: texts,
  counts: v.object({ train: number, validation: number, test: number, skipped: number }),
  interval,
  testedOn: v.picklist(["folder", "held-out"]),
  validatedBy: v.picklist(["cross-validation", "folder", "held-out"]),
  timings: v.object({ total: number }),
  test: evaluation,
  validation: evaluation,
  calibration,
  skipped: v.array(v.object({ path: text, reason: text })),
});

/** `metrics.json` */
export const metricsSchema = v.pipe(
  metricsShape,
  v.check(
    ({ classes, test, validation }) => isOf(classes, test) && isOf(classes, validation),
    "its evaluations are of other classes",
  ),
);

/** `graft.json` */
export const madeSchema = v.object({
  ...header,
  dataset: v.object({ path: text, digest: text }),
});

const position = v.pipe(number, v.integer(), v.minValue(0));

/** `answers.json` */
export const predictionsSchema = v.pipe(
  v.object({
    ...header,
    classes: texts,
    answers: v.array(
      v.object({ path: text, truth: position, prediction: position, probability: number, truthProbability: number }),
    ),
  }),
  v.check(
    ({ classes, answers }) =>
      answers.every(({ truth, prediction }) => truth < classes.length && prediction < classes.length),
    "it names a class that the run does not have",
  ),
);

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The files as they are read. Written files have these types too, with more fields (facts.ts). */
export type ReadMetrics = DeepReadonly<v.InferOutput<typeof metricsSchema>>;
export type ReadMade = DeepReadonly<v.InferOutput<typeof madeSchema>>;
export type ReadPredictions = DeepReadonly<v.InferOutput<typeof predictionsSchema>>;

/**
 * Reads the text of a JSON file of a run.
 *
 * @throws GraftError (`data`) if it is damaged or from a newer Graft
 */
export function parseRunFile<S extends v.GenericSchema>(schema: S, path: string, content: string): v.InferOutput<S> {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw damaged(path, "it is not JSON", error);
  }
  const version = typeof value === "object" && value !== null && "schemaVersion" in value ? value.schemaVersion : 0;
  if (typeof version === "number" && version > SCHEMA_VERSION)
    throw dataError(
      `${path} was written by a newer Graft (its schemaVersion is ${version}, and this one reads up to ${SCHEMA_VERSION}): update Graft.`,
    );
  const found = v.safeParse(schema, value);
  if (found.success) return found.output;
  const [issue] = found.issues;
  throw damaged(path, `${v.getDotPath(issue) ?? "its root"}: ${issue.message}`);
}

/** The error for a file of a run that cannot be used. */
export const damaged = (path: string, reason: string, cause?: unknown): GraftError =>
  dataError(`${path} is damaged (${reason}): train again into its folder.`, cause);
