/**
 * Messages between a command and the program that started it: progress as one JSON object per line, between lines of plain text, and a
 * file that asks the command to stop. Starts no process.
 */

import { existsSync } from "node:fs";
import * as v from "valibot";
import { type ErrorCode, errorCodes, GraftError, messageOf } from "./errors.ts";
import type { EpochEvent, Progress } from "./progress.ts";
import type { ProgressLine } from "./progress-line.ts";

/** Why a command failed. */
export interface FailureEvent {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What one line contains. */
export type ProgressEvent =
  | { readonly event: "progress"; readonly progress: Progress }
  | { readonly event: "epoch"; readonly epoch: EpochEvent }
  | { readonly event: "failure"; readonly failure: FailureEvent }
  | { readonly event: "text"; readonly text: string };

const short = v.pipe(v.string(), v.maxLength(4096));
/** JSON has no NaN and no infinity: they are written as null. */
const number = v.pipe(
  v.nullable(v.number()),
  v.transform((value) => value ?? Number.NaN),
);
const maybe = v.pipe(
  v.nullish(v.number()),
  v.transform((value) => value ?? undefined),
);
const codes = Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]];

/** The lines may come from an untrusted file. */
const eventSchema = v.variant("event", [
  v.object({
    event: v.literal("progress"),
    progress: v.object({
      ...{ stage: short, unit: short, done: number, ratePerSecond: number },
      total: v.optional(maybe),
      secondsLeft: v.optional(maybe),
    }),
  }),
  v.object({
    event: v.literal("epoch"),
    epoch: v.object({
      epoch: v.pipe(v.number(), v.integer(), v.minValue(1)),
      loss: number,
      validationAccuracy: number,
    }),
  }),
  v.object({
    event: v.literal("failure"),
    // A newer Graft may have codes that this one does not know.
    failure: v.object({ code: v.fallback(v.picklist(codes), "work-failed"), message: short }),
  }),
]);

/** The shortest time between two lines of one stage, in milliseconds. */
const LINE_INTERVAL_MS = 200;

/** A {@link ProgressLine} that writes JSON: the first and last state of each stage, and some in between. */
export function createProgressJson(
  write: (line: string) => unknown = (line) => process.stderr.write(line),
  now: () => number = () => performance.now(),
): ProgressLine & { readonly epoch: (epoch: EpochEvent) => void } {
  let latest: Progress | undefined;
  let written: Progress | undefined;
  let since = 0;
  const line = (event: ProgressEvent): unknown => write(`${JSON.stringify(event)}\n`);
  const report = (progress: Progress): void => {
    line({ event: "progress", progress });
    written = progress;
    since = now();
  };
  const end = (): void => {
    if (latest && latest !== written) report(latest);
    latest = undefined;
  };
  return {
    end,
    clear() {},
    show(progress) {
      const begins = latest?.stage !== progress.stage;
      if (begins) end();
      latest = progress;
      if (begins || now() - since >= LINE_INTERVAL_MS) report(progress);
    },
    epoch: ({ epoch, loss, validationAccuracy }) =>
      line({ event: "epoch", epoch: { epoch, loss, validationAccuracy } }),
  };
}

/** The line that says why a command failed, without a line end. */
export const failureLine = (failure: FailureEvent): string =>
  JSON.stringify({ event: "failure", failure } satisfies ProgressEvent);

/** Why a command failed, from what it threw. */
export const failureEventOf = (error: unknown): FailureEvent => ({
  code: error instanceof GraftError ? error.code : "work-failed",
  message: messageOf(error),
});

/** Reads one line. A line that is not one of these events is text. */
export function readProgressEvent(line: string): ProgressEvent {
  if (line.startsWith('{"event":')) {
    try {
      const found = v.safeParse(eventSchema, JSON.parse(line));
      if (found.success) return found.output as ProgressEvent;
    } catch {
      // The line was cut off by a crash.
    }
  }
  return { event: "text", text: line };
}

// Stopping: the program that started this process (the studio) creates a file. A signal would need a process ID, which an untrusted
// folder could forge, and would kill the process immediately on Windows.

/** How often to look for the file, in milliseconds. */
const POLL_INTERVAL_MS = 250;

/** The environment variable with the path of the file. */
export const STOP_FILE = "GRAFT_STOP_FILE";

/** Emits SIGINT in this process when the file appears. Does not keep the process alive. */
export function watchStopFile(path: string | undefined = process.env[STOP_FILE]): void {
  if (!path) return;
  const timer = setInterval(() => {
    // Until a command listens, nothing can stop cleanly.
    if (process.listenerCount("SIGINT") === 0 || !existsSync(path)) return;
    clearInterval(timer);
    process.emit("SIGINT", "SIGINT");
  }, POLL_INTERVAL_MS);
  timer.unref();
}
