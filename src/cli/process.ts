/**
 * The process of the CLI: signals (Ctrl-C, SIGTERM), closed or full output streams, and wildcards on Windows. Knows no command.
 */

import { readdirSync } from "node:fs";
import { join, parse } from "node:path";
import { codeOf, exitCodes, stoppedError } from "../base/errors.ts";
import { systemReason } from "../base/system-errors.ts";
import { note } from "./output.ts";

/** The exit codes that shells expect of a process that a signal ended: 128 plus the signal's number. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const;
const signals = ["SIGINT", "SIGTERM"] as const;

let received: (typeof signals)[number] | undefined;

/**
 * An AbortSignal for Ctrl-C and SIGTERM. The first signal aborts it with a `stopped` error that has this `sentence`; the second
 * one ends the process at once.
 */
export function interruptible(sentence: string): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: (typeof signals)[number]): void => {
    received = signal;
    // Without a listener, the next signal ends the process.
    for (const one of signals) process.off(one, stop);
    if (process.stderr.isTTY) note(["", "Stopping. Press Ctrl-C again to stop at once."]);
    controller.abort(stoppedError(sentence));
  };
  for (const signal of signals) process.on(signal, stop);
  return controller.signal;
}

/** The exit code of work that was stopped. */
export const stoppedCode = (): number => (received === undefined ? exitCodes.work : codes[received]);

/** Kills the process if an orderly end has not finished after `ms` milliseconds (at least 500). */
export function endWithin(ms: number): void {
  const end = (): void => {
    note(`graft: Stopping took more than ${ms / 1000} seconds, so the process was killed.`);
    // `process.exit` would wait for images that are being decoded.
    process.kill(process.pid, "SIGKILL");
  };
  setTimeout(end, Math.max(ms, 500)).unref();
}

// Output that can no longer be written. If the reader is gone (`| head`), the command finishes silently with its own exit code.
// A full disk is a failure.

/** The error codes of a closed reader: of a pipe, a socket, a pipe on Windows, or a write after that. */
const closed = new Set(["EPIPE", "ECONNRESET", "EOF", "ERR_STREAM_DESTROYED"]);

const controller = new AbortController();

/** Aborted when stdout is closed, for commands whose only result is their output. */
export const outputClosed: AbortSignal = controller.signal;

/** Handles write errors of both streams. Call once, before anything is written. */
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

// Windows shells do not expand `*` and `?`, so the program does.

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
