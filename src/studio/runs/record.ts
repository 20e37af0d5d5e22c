/**
 * Reads a run's folder, with what the studio (`run.json`, `events.log`) and `graft train` write there, and opens its model for
 * predictions. The folder alone decides the state of a run, whichever process wrote it; nothing is started here.
 */

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { isDataError, messageOf } from "../../base/errors.ts";
import { isBoundedJson } from "../../base/json-bounds.ts";
import { holderOf } from "../../base/lock.ts";
import { systemReason } from "../../base/system-errors.ts";
import { named } from "../../base/text.ts";
import { type AugmentationName, augmentations } from "../../data/image/augment/augmentation-plan.ts";
import { withImage } from "../../data/image/decode.ts";
import { type Artifact, openArtifact, predictionOf } from "../../model/open-artifact.ts";
import { RUN_LOCK, readRun as readFinished } from "../../run/read.ts";
import { runBounds, runFileLimits, runFiles } from "../../run/run-files.ts";
import type { ModelPrediction, RunInfo, RunSettings, RunState, RunSummary } from "../api.ts";
import { type Found, readOwnJson, readPlain } from "../project/own-files.ts";
import { type LogSummary, readLog } from "./log.ts";

/** `run.json` */
export interface RunRecord {
  readonly createdAt: string;
  readonly settings: RunSettings;
}

const RECORD_BYTES = 64 * 1024;

/** The settings of a training. Before they are used again, launch.ts validates them. */
const settingsSchema: v.GenericSchema<unknown, RunSettings> = v.object({
  network: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  unfreeze: v.pipe(v.string(), v.maxLength(200)),
  seed: v.pipe(v.number(), v.safeInteger()),
  classWeights: v.picklist(["none", "balanced"]),
  epochs: v.exactOptional(v.pipe(v.number(), v.safeInteger())),
  augment: v.exactOptional(v.picklist(Object.keys(augmentations) as AugmentationName[])),
  learningRate: v.exactOptional(v.pipe(v.number(), v.finite())),
});

const recordSchema: v.GenericSchema<unknown, RunRecord> = v.object({
  createdAt: v.pipe(
    v.string(),
    v.maxLength(40),
    v.check((text) => /^\d{4}-/.test(text) && Number.isFinite(Date.parse(text))),
  ),
  settings: settingsSchema,
});

/** The result of reading a run. */
export type FoundRun = Found<RunInfo>;

/** Reads a run. A folder with other content than the studio or `graft train` writes is damaged, and is left unchanged. */
export async function readRun(folder: string, id: string, startedHere: boolean): Promise<FoundRun> {
  const fault = await faultOf(folder);
  if (fault !== undefined) return { kind: "damaged", reason: fault };
  const record = await readOwnJson(join(folder, files.record), recordSchema, RECORD_BYTES);
  if (record.kind !== "read") return record;
  const log = await readLog(join(folder, files.events));
  const { epochs, notes } = log;
  return {
    kind: "read",
    value: { id, ...record.value, state: await stateOf(folder, log, startedHere), epochs, notes },
  };
}

/** The state of a run, from its folder. */
export async function stateOf(folder: string, log: LogSummary, startedHere: boolean): Promise<RunState> {
  let summary: RunSummary | undefined;
  try {
    summary = await readSummary(folder);
  } catch (error) {
    if (!isDataError(error)) throw error;
    return { kind: "failed", reason: messageOf(error) };
  }
  if (summary) return { kind: "done", summary };
  if (startedHere || (await isHeld(folder))) return { kind: "running", progress: log.progress };
  if (log.failure === undefined || log.failure.code === "stopped") return { kind: "stopped" };
  return { kind: "failed", reason: log.failure.message };
}

/** Whether a running process uses a run's folder, whoever started it. */
export const isHeld = async (folder: string): Promise<boolean> =>
  (await holderOf(join(folder, files.lock)).catch(() => undefined)) !== undefined;

async function readSummary(folder: string): Promise<RunSummary | undefined> {
  const run = await readFinished(folder);
  if (!run) return undefined;
  const { classes, counts, interval, testedOn, timings, test } = run.metrics;
  const { accuracy, balancedAccuracy, baseline, calibrationError, logLoss } = test;
  return {
    classes,
    counts,
    interval,
    testedOn,
    accuracy,
    balancedAccuracy,
    baseline,
    calibrationError,
    logLoss,
    seconds: timings.total,
    modelBytes: run.model.bytes,
    datasetDigest: run.made.dataset.digest,
  };
}

// The content of a run's folder. It may come from anyone: only plain files of limited size and real folders are used, no links.

/** Files of the studio and of `graft train`. */
export const files = {
  ...runFiles,
  record: "run.json",
  events: "events.log",
  output: "output.json",
  lock: RUN_LOCK,
  /** Its existence asks the training to stop. */
  stop: "stop",
} as const;

const MiB = 2 ** 20;

/** JSON of this size in bytes takes little memory, whatever its structure. */
const UNCHECKED = 2 * MiB;

/** Why a run's folder is not read; undefined if all is well or there is no such folder. */
export async function faultOf(folder: string): Promise<string | undefined> {
  const found = await lstat(folder).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isDirectory()) return "it is not a folder of its own";
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile() && !entry.isDirectory()) return `its ${named(entry.name)} is a link or a pipe, not a file`;
      const limit = runFileLimits.get(entry.name);
      if (limit === undefined) continue;
      const path = join(folder, entry.name);
      const { size } = await lstat(path);
      if (size > limit) return `its ${entry.name} has more than ${limit / MiB} MiB`;
      if (size <= UNCHECKED || !entry.name.endsWith(".json")) continue;
      const bytes = await readPlain(path, limit);
      if (bytes && !isBoundedJson(bytes, runBounds)) return `its ${entry.name} has more values than Graft writes there`;
    }
    return undefined;
  } catch (error) {
    return systemReason(error, "read");
  }
}

// Predictions of trained models: a model is opened at its first prediction, the last two stay open, and images run one at a
// time.

export interface Predictor {
  predict(folder: string, bytes: Uint8Array): Promise<ModelPrediction>;
  /** Closes a run's model, so that its file can be removed. */
  forget(folder: string): Promise<void>;
  close(): Promise<void>;
}

/** The number of models that stay open. */
const KEPT = 2;

export function createPredictor(): Predictor {
  const models = new Map<string, Promise<Artifact>>();
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work);
    turn = mine.catch(() => {});
    return mine;
  };
  const forget = async (folder: string): Promise<void> => {
    const model = models.get(folder);
    models.delete(folder);
    await (await model)?.close();
  };
  const modelOf = async (folder: string): Promise<Artifact> => {
    const known = models.get(folder) ?? openArtifact(join(folder, files.model));
    // The latest model is the last in the map's order.
    models.delete(folder);
    models.set(folder, known);
    known.catch(() => models.delete(folder));
    if (models.size > KEPT) await forget([...models.keys()][0]!);
    return known;
  };
  return {
    async predict(folder, bytes) {
      return withImage(bytes, (image) =>
        inTurn(async () => {
          const artifact = await modelOf(folder);
          const outputs = await artifact.predict(image);
          const { top, unknown = false } = predictionOf(artifact, outputs, artifact.classes.length);
          return { answers: top, unknown };
        }),
      );
    },
    forget: (folder) => inTurn(() => forget(folder)),
    close: () =>
      inTurn(async () => {
        for (const folder of [...models.keys()]) await forget(folder);
      }),
  };
}
