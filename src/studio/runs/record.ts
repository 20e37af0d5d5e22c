/**
 * A run's folder: what the studio writes into it (`run.json`, `events.log`) and what `graft train` leaves there, read back.
 * A run is what its folder says, whichever process wrote it; nothing is started here.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDataError, messageOf } from "../../base/errors.ts";
import { holderOf } from "../../base/lock.ts";
import type { EpochEvent, Progress } from "../../base/progress.ts";
import { readProgressEvent } from "../../base/progress-json.ts";
import { readRun as readFinished } from "../../run/read.ts";
import { runFiles } from "../../run/run-files.ts";
import type { RunInfo, RunSettings, RunState, RunSummary } from "../api.ts";

/** `run.json` */
export interface RunRecord {
  readonly createdAt: string;
  readonly settings: RunSettings;
}

export const files = {
  ...runFiles,
  record: "run.json",
  events: "events.log",
  output: "output.json",
  lock: ".graft-lock",
} as const;

/** What the lines of `events.log` come to. */
export interface Told {
  readonly progress: Progress | null;
  readonly epochs: readonly EpochEvent[];
  readonly notes: readonly string[];
  /** The sentence that `graft` ended with, where it failed. */
  readonly failure: string | undefined;
}

export const nothingTold: Told = { progress: null, epochs: [], notes: [], failure: undefined };

/** Marks where a training began anew in a log that goes on. */
export const BEGINS = "#begins";
const FAILURE = "graft: ";
/** A run that was asked to stop says so with this word. */
const STOPPED = "Stopped";

/** What is told after one more line. */
export function withLine(told: Told, line: string): Told {
  if (line === "") return told;
  if (line === BEGINS) return { ...told, progress: null, failure: undefined };
  const event = readProgressEvent(line);
  switch (event.event) {
    case "progress":
      return { ...told, progress: event.progress };
    case "epoch": {
      // A resumed run tells an epoch again.
      const before = told.epochs.filter(({ epoch }) => epoch < event.epoch.epoch);
      return { ...told, epochs: [...before, event.epoch] };
    }
    case "text":
      if (line.startsWith(FAILURE)) return { ...told, failure: line.slice(FAILURE.length) };
      return told.notes.at(-1) === line ? told : { ...told, notes: [...told.notes, line].slice(-50) };
  }
}

/** Reads a run; nothing where the folder holds none. */
export async function readRun(folder: string, id: string, startedHere: boolean): Promise<RunInfo | undefined> {
  const record = await readJson<RunRecord>(join(folder, files.record));
  if (!record) return undefined;
  const text = await readFile(join(folder, files.events), "utf8").catch(() => "");
  const told = text.split("\n").reduce(withLine, nothingTold);
  const { epochs, notes } = told;
  return { id, ...record, state: await stateOf(folder, told, startedHere), epochs, notes };
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
  if (startedHere || (await holderOf(join(folder, files.lock))) !== undefined)
    return { kind: "running", progress: told.progress };
  if (told.failure === undefined || told.failure.startsWith(STOPPED)) return { kind: "stopped" };
  return { kind: "failed", reason: told.failure };
}

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

/** A JSON file of ours; nothing where there is none that can be read. */
export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
