/** Ctrl-C, and SIGTERM as service managers send it: the first asks for an orderly end, the second ends the process at once. */

import { readdirSync } from "node:fs";
import { join, parse } from "node:path";
import { codeOf, exitCodes, stoppedError } from "../base/errors.ts";
import { systemReason } from "../base/system-errors.ts";
import { note } from "./output.ts";

/** What shells expect of a process that a signal ended: 128 and the signal's number. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const;
const signals = ["SIGINT", "SIGTERM"] as const;

let received: (typeof signals)[number] | undefined;

/** A signal that is aborted on the first interruption, with `sentence` in the reason, a `stopped` error. */
export function interruptible(sentence: string): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: (typeof signals)[number]): void => {
    received = signal;
    // Without a listener, the next one ends the process as the system does.
    for (const one of signals) process.off(one, stop);
    if (process.stderr.isTTY) note(["", "Stopping. Press Ctrl-C again to stop at once."]);
    controller.abort(stoppedError(sentence));
  };
  for (const signal of signals) process.on(signal, stop);
  return controller.signal;
}

/** The exit code of work that was stopped. */
export const stoppedCode = (): number => (received === undefined ? exitCodes.work : codes[received]);

/**
 * Ends the process when the time is over, whatever holds it then. Called when an orderly end has begun; a process that has ended
 * by then is left alone.
 */
export function endWithin(ms: number): void {
  const end = (): void => {
    note(`graft: Stopping took more than ${ms / 1000} seconds, so the process was killed.`);
    // `process.exit` would wait for images that are being decoded.
    process.kill(process.pid, "SIGKILL");
  };
  setTimeout(end, Math.max(ms, 500)).unref();
}

// Handles output that can no longer be written. If the reader went away (`| head`), the work continues to its end, silently, with its
// own exit code. A full disk is a failure.

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

// Expands `*` and `?` in the arguments on Windows, whose shells leave that to the program. Elsewhere the shell has already expanded
// them.

const hasWildcard = (text: string): boolean => /[*?]/.test(text);

/** Replaces each pattern by the matching files and folders, sorted, as a shell does. A pattern without matches stays. */
export function withoutWildcards(args: readonly string[]): string[] {
  return args.flatMap((arg) => {
    if (arg.startsWith("-") || !hasWildcard(arg)) return [arg];
    const { root } = parse(arg);
    const steps = arg.slice(root.length).split(/[/\\]/);
    const found = steps.reduce<readonly string[]>(
      (folders, step) => folders.flatMap((at) => matches(at, step)),
      [root],
    );
    return found.length > 0 ? [...found].sort() : [arg];
  });
}

/** The matches of one path segment in a folder. Hidden names match only if the pattern also starts with a dot. */
function matches(folder: string, step: string): string[] {
  if (!hasWildcard(step)) return [join(folder, step)];
  const text = step
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const pattern = new RegExp(`^${text}$`, "isu");
  return namesIn(folder || ".")
    .filter((name) => pattern.test(name) && (!name.startsWith(".") || step.startsWith(".")))
    .map((name) => join(folder, name));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // There is no such folder, so nothing matches.
  }
}
