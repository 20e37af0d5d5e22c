/**
 * Handles output that can no longer be written. If the reader went away (`| head`), the work continues to its end, silently, with its
 * own exit code. A full disk is a failure.
 */
import { codeOf, exitCodes } from "../base/errors.ts";
import { systemReason } from "../base/system-errors.ts";
import { note } from "./output.ts";

/** The error codes of a closed reader: of a pipe, a socket, a pipe on Windows, or a write after that. */
const closed = new Set(["EPIPE", "ECONNRESET", "EOF", "ERR_STREAM_DESTROYED"]);

const controller = new AbortController();

/** Aborted when stdout is closed, for commands whose only result is their output. */
export const outputClosed: AbortSignal = controller.signal;

/** Call once, before anything is written. */
export function guardStreams(): void {
  process.stdout.on("error", (error) => {
    const isFirst = !controller.signal.aborted;
    controller.abort(error);
    if (closed.has(codeOf(error) ?? "") || !isFirst) return;
    note(`graft: Could not write the output: ${systemReason(error, "write")}.`);
    process.exitCode = exitCodes.work;
  });
  // There is no other place to report it.
  process.stderr.on("error", () => {});
}
