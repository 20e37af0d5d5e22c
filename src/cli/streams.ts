/**
 * The process's own output when it can no longer be written. A reader that went away (`| head`) has what it wanted: the work
 * goes on to its end and ends with its own exit code, and nothing more is said. A full disk is a failure.
 */
import { codeOf, exitCodes } from "../base/errors.ts";
import { systemReason } from "../base/system-errors.ts";
import { note } from "./output.ts";

/** The reader closed its end: of a pipe, a socket, a pipe on Windows; or writing went on after that. */
const closed = new Set(["EPIPE", "ECONNRESET", "EOF", "ERR_STREAM_DESTROYED"]);

const controller = new AbortController();

/** Aborted when stdout takes no more: for commands whose only product is what they print. */
export const outputClosed: AbortSignal = controller.signal;

/** To be called once, before anything is written. */
export function guardStreams(): void {
  process.stdout.on("error", (error) => {
    const isFirst = !controller.signal.aborted;
    controller.abort(error);
    if (closed.has(codeOf(error) ?? "") || !isFirst) return;
    note(`graft: Could not write the output: ${systemReason(error, "write")}.`);
    process.exitCode = exitCodes.work;
  });
  // There is nowhere left to say it.
  process.stderr.on("error", () => {});
}
