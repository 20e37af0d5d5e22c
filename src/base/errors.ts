/**
 * The errors that a user may meet. Each carries one sentence that names the cause and the remedy,
 * and the exit code that the command line ends with. Anything else that is thrown is a defect of Graft.
 */

/** Why work stopped: the work itself failed, the command line is wrong, or the input data is unusable. */
export type FailureKind = "work" | "usage" | "data";

/** Process exit codes of the command line, one a {@link FailureKind}. */
export const exitCodes: Readonly<Record<FailureKind, number>> = { work: 1, usage: 2, data: 3 };

/** An error whose message is meant for the user as it stands. */
export class GraftError extends Error {
  override readonly name = "GraftError";
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** The user's data (dataset, image, model file) cannot be used. Exit code 3. */
export const dataError = (message: string, cause?: unknown): GraftError => new GraftError("data", message, { cause });

/** The command or the call names something that does not exist. Exit code 2. */
export const usageError = (message: string, cause?: unknown): GraftError => new GraftError("usage", message, { cause });

/** The work could not be finished (disk, network, a run already under way). Exit code 1. */
export const workError = (message: string, cause?: unknown): GraftError => new GraftError("work", message, { cause });

/** Whether a picture or file is at fault, and not the runtime, the disk or Graft: only such faults may be passed over. */
export const isDataError = (error: unknown): boolean => error instanceof GraftError && error.kind === "data";

/** The message of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The `code` of a Node system error (`ENOENT`, `ENOSPC`, …), if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
