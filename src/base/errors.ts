/**
 * The errors that a user may meet. Each carries one sentence that names the cause and the remedy,
 * and the exit code that the command line ends with. Anything else that is thrown is a defect of Graft.
 */

import { escaped, shortened, shown } from "./text.ts";

/** Why work stopped: the work itself failed, the command line is wrong, or the input data is unusable. */
export type FailureKind = "work" | "usage" | "data";

/** Process exit codes of the command line, one a {@link FailureKind}; work that a signal stopped ends with 128 + its number. */
export const exitCodes: Readonly<Record<FailureKind, number>> = { work: 1, usage: 2, data: 3 };

/**
 * What went wrong, for programs: logic reads codes, people read messages. A failure that no program needs to tell
 * apart has the general code of its kind.
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

/** What an error carries beside its message. */
export interface GraftErrorOptions extends ErrorOptions {
  /** Default: the general code of the error's kind. */
  readonly code?: ErrorCode | undefined;
}

/** The longest message: a backstop for whatever a caller put into one. */
const MOST = 4000;

/** An error whose message is meant for the user as it stands: without control characters, and of bounded length. */
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

/** The command or the call names something that does not exist. Exit code 2. */
export const usageError = (message: string, cause?: unknown, code?: ErrorCode): GraftError =>
  new GraftError("usage", message, { cause, code });

/** The work could not be finished (disk, network, a run already under way). Exit code 1. */
export const workError = (message: string, cause?: unknown, code?: ErrorCode): GraftError =>
  new GraftError("work", message, { cause, code });

/** A file could not be fetched. */
export const fetchFailed = (message: string, cause?: unknown): GraftError => workError(message, cause, "fetch-failed");

/** A file is not in the cache, and nothing is to be fetched. */
export const offline = (message: string): GraftError => workError(message, undefined, "offline");

/** Whether a picture or file is at fault, and not the runtime, the disk or Graft: only such faults may be passed over. */
export const isDataError = (error: unknown): boolean => error instanceof GraftError && error.kind === "data";

/** The user or the caller stopped the work. Exit code 130 where Ctrl-C did. */
export const stoppedError = (message: string): GraftError => new GraftError("work", message, { code: "stopped" });

/** Whether something was thrown because the work was stopped. */
export const isStopped = (error: unknown): boolean => error instanceof GraftError && error.code === "stopped";

/** The message of anything thrown, of bounded length. */
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
