/**
 * Progress for another program: one JSON object a line, amid lines of plain text, which are words for people.
 * Both ends of it: how lines are written, and how they are told apart again.
 */
import * as v from "valibot";
import { type ErrorCode, errorCodes, GraftError, messageOf } from "./errors.ts";
import type { EpochEvent, Progress } from "./progress.ts";
import type { ProgressLine } from "./progress-line.ts";

/** Why a command failed. */
export interface FailureEvent {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What a line says. */
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

/** A line may be from a file that anybody wrote. */
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

/** The least time between two lines of one stage, in milliseconds. */
const PATIENCE = 200;

/** A {@link ProgressLine} that writes JSON: the first and last state of each stage, and one now and then between. */
export function createProgressJson(
  write: (line: string) => unknown = (line) => process.stderr.write(line),
  now: () => number = () => performance.now(),
): ProgressLine & { readonly epoch: (epoch: EpochEvent) => void } {
  let latest: Progress | undefined;
  let written: Progress | undefined;
  let since = 0;
  const line = (event: ProgressEvent): unknown => write(`${JSON.stringify(event)}\n`);
  const tell = (progress: Progress): void => {
    line({ event: "progress", progress });
    written = progress;
    since = now();
  };
  const end = (): void => {
    if (latest && latest !== written) tell(latest);
    latest = undefined;
  };
  return {
    end,
    clear() {},
    show(progress) {
      const begins = latest?.stage !== progress.stage;
      if (begins) end();
      latest = progress;
      if (begins || now() - since >= PATIENCE) tell(progress);
    },
    epoch: ({ epoch, loss, validationAccuracy }) =>
      line({ event: "epoch", epoch: { epoch, loss, validationAccuracy } }),
  };
}

/** The line that says why a command failed, without its end. */
export const failureLine = (failure: FailureEvent): string =>
  JSON.stringify({ event: "failure", failure } satisfies ProgressEvent);

/** Why a command failed, by what it threw. */
export const failureOf = (error: unknown): FailureEvent => ({
  code: error instanceof GraftError ? error.code : "work-failed",
  message: messageOf(error),
});

/** What a line says; one that is no event of ours is text. */
export function readProgressEvent(line: string): ProgressEvent {
  if (line.startsWith('{"event":')) {
    try {
      const found = v.safeParse(eventSchema, JSON.parse(line));
      if (found.success) return found.output as ProgressEvent;
    } catch {
      // A line that was cut off by a crash.
    }
  }
  return { event: "text", text: line };
}
