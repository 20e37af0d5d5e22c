/**
 * Saving a finished training as a run: its data is audited, some test images are explained, and everything is written as one. What
 * `result.save` and `graft train` do after the training; how pages are drawn is for the caller to say.
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { rememberSpeed } from "../advise/costs/remembered.ts";
import {
  callOf,
  checked,
  checkedArgument,
  type Described,
  flag,
  listenerEntries,
  optionsOf,
  text,
} from "../base/options.ts";
import type { OnProgress } from "../base/progress.ts";
import type { Stopwatch } from "../base/stopwatch.ts";
import { reportExplanations } from "./explanations.ts";
import type { Consumption } from "./report-input.ts";
import { CHECKPOINT, inRunFolder } from "./run-folder.ts";
import { auditOf } from "./train-audit.ts";
import type { TrainRun } from "./train-run.ts";
import { type RunPages, writeRun } from "./write.ts";

export interface SaveOptions {
  /** Whether the data is audited for the report, see `audit`. Default true; a network from scratch has no features to go by. */
  readonly audit?: boolean | undefined;
  /** Whether the report shows where the model looked in some test images. Default true. */
  readonly explain?: boolean | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each thing that went otherwise than asked. */
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

/** Parts of the time that a run takes; `waiting` is none of it: the time between training and saving is the caller's. */
export type RunClock = Stopwatch<"open" | "train" | "waiting" | "audit" | "explanations">;

/** Measures what a run takes, from now on. */
export interface RunMeter {
  readonly clock: RunClock;
  /** Seconds from the start of the process to the beginning of the work; 0 where the process does other things too. */
  readonly startUp: number;
  readonly consumption: () => Promise<Consumption>;
}

/** A training that has ended and is not saved yet. */
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
 * Writes every file of the run into `out`; a run that was there is replaced whole.
 *
 * @throws GraftError (`usage`) where an option does not fit; (`work`) where another process is at work on the folder, or the disk
 *   refuses; the signal's reason where it was aborted before anything was written
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
    // Without a pretrained network, the audit would go by features that mean nothing.
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
