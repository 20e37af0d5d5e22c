/**
 * Saves a finished training as a run: audits the data, explains some test images, measures what it cost, and replaces all files
 * as one. `result.save` and `graft train` both use it; the caller provides the functions that render pages.
 */

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { rememberSpeed } from "../advise/recommend/network-cost.ts";
import { type Audit, audit } from "../audit/audit.ts";
import { isDataError, messageOf } from "../base/errors.ts";
import { type Content, sha256OfChunks } from "../base/files.ts";
import {
  callOf,
  checked,
  checkedArgument,
  type Described,
  flag,
  listenerEntries,
  optionsOf,
  text,
} from "../base/option-schemas.ts";
import type { OnProgress, Stopwatch } from "../base/progress.ts";
import { replaceTogether } from "../base/replace.ts";
import { encodeModel } from "../onnx/codec/write-model.ts";
import { madeOf, metricsOf, predictionsOf, type TrainRun } from "./facts.ts";
import { CHECKPOINT, inRunFolder } from "./read.ts";
import type { Consumption, ReportInput } from "./report-input.ts";
import { reportExplanations, reportOf } from "./report-of.ts";
import { type RunFile, runFileNames, runFiles } from "./run-files.ts";

export interface SaveOptions {
  /** Whether to audit the data for the report, see `audit`. Default true; a network from scratch has no features for an audit. */
  readonly audit?: boolean | undefined;
  /** Whether the report shows where the model looked in some test images. Default true. */
  readonly explain?: boolean | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each thing that did not happen as requested. */
  readonly onNote?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was written. */
export interface SavedRun {
  /** The folder. */
  readonly out: string;
  /** SHA-256 of its `model.onnx`, hexadecimal; every other file names it. */
  readonly modelSha256: string;
  readonly run: TrainRun;
}

/** Parts of a run's time. `waiting` does not count: the time between training and saving is the caller's. */
export type RunClock = Stopwatch<"open" | "train" | "waiting" | "audit" | "explanations">;

/** Starts to measure what a run costs. */
export interface RunMeter {
  readonly clock: RunClock;
  /** Seconds from the start of the process to the start of the work; 0 if the process does other things too. */
  readonly startUp: number;
  readonly consumption: () => Promise<Consumption>;
}

/** A finished training that is not saved yet. */
export interface FinishedTraining extends Pick<TrainRun, "result" | "dataset" | "datasetPath" | "seed"> {
  readonly isFromScratch: boolean;
  readonly meter: RunMeter;
}

const folderPath = text("the path of a folder");
const saveSchema = optionsOf({
  audit: v.optional(flag, true),
  explain: v.optional(flag, true),
  ...listenerEntries,
} satisfies Described<SaveOptions>);

/**
 * Writes every file of the run into `out`; a previous run is replaced as a whole.
 *
 * @throws GraftError (`usage`) if an option is invalid; (`work`) if another process uses the folder or the disk refuses; the
 *   signal's reason if it is aborted before anything is written
 */
export async function saveRun(
  training: FinishedTraining,
  folder: string,
  options: SaveOptions,
  pages: () => Promise<RunPages>,
): Promise<SavedRun> {
  const out = checkedArgument(folderPath, folder, "The first argument of save");
  const { audit, explain, onProgress, onNote = () => {}, signal } = checked(saveSchema, options, callOf("save"));
  const { result, dataset, datasetPath, seed, isFromScratch, meter } = training;
  const { clock, startUp, consumption } = meter;
  clock.lap("waiting");
  return inRunFolder(out, async () => {
    const { network } = result;
    // Without a pretrained network, the audit would compare features that mean nothing.
    const audits = audit && !isFromScratch;
    const found = audits ? await auditOf({ dataset, network, seed, onProgress, signal }, onNote) : undefined;
    clock.lap("audit");
    const explanations = explain ? await reportExplanations({ result, dataset }, onNote, signal) : [];
    clock.lap("explanations");
    const run: TrainRun = {
      ...{ result, dataset, datasetPath, seed, out, explanations, consumption, audit: found },
      timings: {
        startUp,
        open: clock.of("open"),
        audit: clock.of("audit"),
        explanations: clock.of("explanations"),
      },
      seconds: () => clock.seconds() - clock.of("waiting"),
    };
    const { modelSha256 } = await writeRun(run, await pages());
    await rm(join(out, CHECKPOINT), { force: true });
    await rememberSpeed(network.name, result.features.computed, result.rates.forward);
    return { out, modelSha256, run };
  });
}

// Writing the files of a run, replaced as one (base/replace.ts).

/** Renders the pages among the files of a run. */
export interface RunPages {
  readonly report: (input: ReportInput) => string;
  readonly card: (input: ReportInput, consumption: Consumption) => string;
}

/** What was written. */
export interface WrittenRun {
  /** SHA-256 of `model.onnx`, hexadecimal; every other file contains it. */
  readonly modelSha256: string;
}

/**
 * Writes every file of a run into `run.out`. A previous run is replaced as a whole: after a kill or on a full disk, the folder
 * has all files of one run or all of the other. Other files of the user are left alone.
 *
 * @throws GraftError (`work`) if the disk refuses; the previous run is then unchanged
 */
export async function writeRun(run: TrainRun, pages: RunPages): Promise<WrittenRun> {
  const model = [...encodeModel(run.result.artifact)];
  const modelSha256 = sha256OfChunks(model);
  const input = await reportOf(run, modelSha256);
  const files = new Map<RunFile, Content>([
    [runFiles.model, model],
    [runFiles.made, `${JSON.stringify(madeOf(run, modelSha256), null, 2)}\n`],
    [runFiles.answers, `${JSON.stringify(predictionsOf(run, modelSha256))}\n`],
    [runFiles.report, pages.report(input)],
    [runFiles.card, pages.card(input, await run.consumption())],
    [runFiles.metrics, `${JSON.stringify(metricsOf(run, modelSha256), null, 2)}\n`],
  ]);
  await replaceTogether(run.out, runFileNames, files);
  return { modelSha256 };
}

// The audit of the training data.

/** Audits the data of a training. Data that can be trained on but not audited only gets a note. */
export async function auditOf(
  options: Parameters<typeof audit>[0],
  onNote: (text: string) => void,
): Promise<Audit | undefined> {
  try {
    return await audit(options);
  } catch (error) {
    if (!isDataError(error)) throw error;
    onNote(`The data was not audited: ${messageOf(error)}`);
    return undefined;
  }
}

// What a run costs: processor time, and energy if the processor's meter is readable.

/** Linux powercap: one folder per processor package; `energy_uj` is in microjoules and wraps at `max_energy_range_uj`. */
const METERS = "/sys/class/powercap";

interface Reading {
  readonly path: string;
  readonly microjoules: number;
  readonly wrap: number;
}

const numberIn = async (path: string): Promise<number> => Number(await readFile(path, "utf8"));

async function readMeters(folder: string): Promise<Reading[]> {
  try {
    const packages = (await readdir(folder)).filter((name) => /^intel-rapl:\d+$/.test(name));
    return await Promise.all(
      packages.map(async (name) => {
        const path = join(folder, name, "energy_uj");
        return {
          path,
          microjoules: await numberIn(path),
          wrap: await numberIn(join(folder, name, "max_energy_range_uj")),
        };
      }),
    );
  } catch {
    // There is no such meter, or this user may not read it.
    return [];
  }
}

/** Starts to measure; the returned function tells what was used so far. */
export async function measureConsumption(folder = METERS): Promise<() => Promise<Consumption>> {
  const meters = await readMeters(folder);
  const before = process.cpuUsage();
  return async () => {
    const { user, system } = process.cpuUsage(before);
    const after = await readMeters(folder);
    const used = meters.map(({ path, microjoules, wrap }) => {
      const now = after.find((reading) => reading.path === path)?.microjoules ?? Number.NaN;
      return now >= microjoules ? now - microjoules : now + wrap - microjoules;
    });
    const total = used.reduce((sum, microjoules) => sum + microjoules, 0);
    const isMeasured = meters.length > 0 && Number.isFinite(total);
    return { cpuSeconds: (user + system) / 1e6, joules: isMeasured ? total / 1e6 : undefined };
  };
}
