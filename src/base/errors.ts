/**
 * The errors that users see. Each has one sentence with the cause and the remedy, a stable code, and a kind that decides the
 * exit code of the command line. Any other error that is thrown is a bug in Graft.
 */

import { escaped, shortened, shown } from "./text.ts";

/** What is at fault: the work failed, the command line or the call is wrong, or the input data cannot be used. */
export type FailureKind = "work" | "usage" | "data";

/** Exit codes of the command line by {@link FailureKind}. A command that a signal stopped exits with 128 + the signal. */
export const exitCodes: Readonly<Record<FailureKind, number>> = { work: 1, usage: 2, data: 3 };

/**
 * What went wrong, for programs: code depends on codes, people read messages. A failure that no program has to
 * distinguish has the general code of its kind.
 */
export const errorCodes = {
  "too-few-images": "The dataset has too few images for this training.",
  "data-unusable": "A dataset, image or model file cannot be used.",
  "image-too-large": "An image has too many pixels, or needs too much memory to decode.",
  "usage-invalid": "An option or argument is wrong, or names something that does not exist.",
  "work-failed": "The work could not be finished.",
  "fetch-failed": "A download failed, or the file is not the expected one.",
  offline: "A file is not in the cache, and Graft may not download it.",
  "cache-damaged": "A file in the cache is damaged and cannot be recreated now.",
  "run-mixed": "The files in a folder belong to different trainings.",
  stopped: "The caller or the user stopped the work.",
  "telemetry-on": "A worker thread cannot turn off ONNX Runtime's telemetry, so no model is opened.",
  "in-use": "Another process is working in that folder.",
} as const;

/** A key of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

const generalCode: Readonly<Record<FailureKind, ErrorCode>> = {
  data: "data-unusable",
  usage: "usage-invalid",
  work: "work-failed",
};

/** Details of an error besides its message. */
export interface GraftErrorOptions extends ErrorOptions {
  /** Default: the general code of the error's kind. */
  readonly code?: ErrorCode | undefined;
}

/** The longest message, in characters: a safeguard against long foreign text in a message. */
const MOST = 4000;

/** An error whose message can be shown to the user as it is: no control characters, bounded length. */
export class GraftError extends Error {
  override readonly name = "GraftError";
  readonly kind: FailureKind;
  readonly code: ErrorCode;

  constructor(kind: FailureKind, message: string, { code, ...options }: GraftErrorOptions = {}) {
    super(escaped(shortened(message, MOST)), options);
    this.kind = kind;
    this.code = code ?? generalCode[kind];
  }
}

/** The user's data (dataset, image, model file) cannot be used. Exit code 3. */
export const dataError = (message: string, cause?: unknown, code?: ErrorCode): GraftError =>
  new GraftError("data", message, { cause, code });

/** An option or argument is wrong, or names something that does not exist. Exit code 2. */
export const usageError = (message: string, cause?: unknown, code?: ErrorCode): GraftError =>
  new GraftError("usage", message, { cause, code });

/** The work could not be finished (disk, network, another run in the same folder). Exit code 1. */
export const workError = (message: string, cause?: unknown, code?: ErrorCode): GraftError =>
  new GraftError("work", message, { cause, code });

/** A download failed. */
export const fetchFailed = (message: string, cause?: unknown): GraftError => workError(message, cause, "fetch-failed");

/** A file is not in the cache, and Graft may not download it. */
export const offline = (message: string): GraftError => workError(message, undefined, "offline");

/** Whether an input file is at fault, not the runtime, the disk or Graft. Only such failures may be skipped. */
export const isDataError = (error: unknown): boolean => error instanceof GraftError && error.kind === "data";

/** The user or the caller stopped the work. Exit code 130 after Ctrl-C. */
export const stoppedError = (message: string): GraftError => new GraftError("work", message, { code: "stopped" });

/** Whether an error means that the work was stopped. */
export const isStopped = (error: unknown): boolean => error instanceof GraftError && error.code === "stopped";

/** The message of anything that was thrown, shortened to a bounded length. */
export const messageOf = (error: unknown): string =>
  error instanceof Error
    ? shortened(error.message, MOST)
    : typeof error === "string"
      ? shortened(error, MOST)
      : shown(error);

/** The `code` of a Node system error (`ENOENT`, `ENOSPC`, …), if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
