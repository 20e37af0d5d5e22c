/**
 * A run's folder: what the studio writes into it (`run.json`, `events.log`) and what `graft train` leaves there, read back.
 * A run is what its folder says, whichever process wrote it; nothing is started here.
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
import type { Prediction, RunInfo, RunSettings, RunState, RunSummary } from "../api.ts";
import { type Found, readOwnJson, readPlain } from "../project/own-files.ts";
import { readLog, type Told } from "./log.ts";

/** `run.json` */
export interface RunRecord {
  readonly createdAt: string;
  readonly settings: RunSettings;
}

const RECORD_BYTES = 64 * 1024;

/** What a training was asked to do. Before it is asked again, settings.ts has to agree. */
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

/** What there is of a run. */
export type FoundRun = Found<RunInfo>;

/** Reads a run; a folder that is not what the studio or `graft train` leaves is damaged, and is left alone. */
export async function readRun(folder: string, id: string, startedHere: boolean): Promise<FoundRun> {
  const fault = await faultOf(folder);
  if (fault !== undefined) return { kind: "damaged", reason: fault };
  const record = await readOwnJson(join(folder, files.record), recordSchema, RECORD_BYTES);
  if (record.kind !== "read") return record;
  const told = await readLog(join(folder, files.events));
  const { epochs, notes } = told;
  return {
    kind: "read",
    value: { id, ...record.value, state: await stateOf(folder, told, startedHere), epochs, notes },
  };
}

/** How a run stands by its folder. */
export async function stateOf(folder: string, told: Told, startedHere: boolean): Promise<RunState> {
  let summary: RunSummary | undefined;
  try {
    summary = await readSummary(folder);
  } catch (error) {
    if (!isDataError(error)) throw error;
    return { kind: "failed", reason: messageOf(error) };
  }
  if (summary) return { kind: "done", summary };
  if (startedHere || (await isHeld(folder))) return { kind: "running", progress: told.progress };
  if (told.failure === undefined || told.failure.code === "stopped") return { kind: "stopped" };
  return { kind: "failed", reason: told.failure.message };
}

/** Whether a living process is at work in a run's folder, whoever started it. */
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

// What a run's folder has in it. Anybody may have made it: only plain files of bounded size and real folders are used, no links.

/** Files of the studio's, and of `graft train`. */
export const files = {
  ...runFiles,
  record: "run.json",
  events: "events.log",
  output: "output.json",
  lock: RUN_LOCK,
  /** Made to ask the training to stop. */
  stop: "stop",
} as const;

const MiB = 2 ** 20;

/** JSON of so many bytes takes little memory, whatever its structure. */
const UNCHECKED = 2 * MiB;

/** Why nothing in a run's folder is read; undefined if all is well or there is no such folder. */
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

// Trained models that are asked: opened when first asked, the last two kept, one image at a time.

export interface Predictor {
  predict(folder: string, picture: Uint8Array): Promise<Prediction>;
  /** Lets go of a run's model, so that its file can be removed. */
  forget(folder: string): Promise<void>;
  close(): Promise<void>;
}

/** Models kept open. */
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
    // The latest asked is the last in the map's order.
    models.delete(folder);
    models.set(folder, known);
    known.catch(() => models.delete(folder));
    if (models.size > KEPT) await forget([...models.keys()][0]!);
    return known;
  };
  return {
    async predict(folder, picture) {
      return withImage(picture, (image) =>
        inTurn(async () => {
          const artifact = await modelOf(folder);
          const answer = await artifact.predict(image);
          const { top, unknown = false } = predictionOf(artifact, answer, artifact.classes.length);
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
