/**
 * Reads `events.log`, in which a training reports its progress line by line, and summarises it. The log may come from anyone
 * and be of any length: it is read line by line, and the summary is limited.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { failureLine, readProgressEvent } from "../../base/child-messages.ts";
import type { ErrorCode } from "../../base/errors.ts";
import type { EpochEvent, Progress } from "../../base/progress.ts";
import { named } from "../../base/text.ts";
import { openPlain } from "../project/own-files.ts";

/** Why a training ended without a model. */
export interface Failure {
  readonly code: ErrorCode;
  /** The last sentence of `graft`. */
  readonly message: string;
}

/** The summary of a log. */
export interface LogSummary {
  readonly progress: Progress | null;
  readonly epochs: readonly EpochEvent[];
  readonly notes: readonly string[];
  readonly failure: Failure | undefined;
}

/** Marks where a resumed training starts in the log. */
export const BEGINS = "#begins";
/** The prefix of the last sentence of a command that failed before it could report in JSON. */
const PREFIX = "graft: ";

/** Limits of the summary: epochs, the last notes, and the length of a note. */
const [MOST_EPOCHS, MOST_NOTES, LONGEST_NOTE] = [20_000, 50, 2000];
/** The maximum size of a log and of one line, in bytes. */
const [MOST_BYTES, LONGEST_LINE] = [64 * 2 ** 20, 64 * 1024];

/** Summarises lines. */
export interface Log {
  add(line: string): void;
  summary(): LogSummary;
}

export function createLog(): Log {
  let progress: Progress | null = null;
  let failure: Failure | undefined;
  const epochs: EpochEvent[] = [];
  const notes: string[] = [];
  return {
    add(line) {
      if (line === "") return;
      if (line === BEGINS) {
        [progress, failure] = [null, undefined];
        return;
      }
      const event = readProgressEvent(line);
      switch (event.event) {
        case "progress":
          progress = event.progress;
          break;
        case "epoch":
          // A resumed run reports an epoch again.
          while ((epochs.at(-1)?.epoch ?? 0) >= event.epoch.epoch) epochs.pop();
          if (epochs.length < MOST_EPOCHS) epochs.push(event.epoch);
          break;
        case "failure":
          failure ??= { ...event.failure, message: named(event.failure.message, LONGEST_NOTE) };
          break;
        case "text":
          if (line.startsWith(PREFIX))
            failure ??= { code: "work-failed", message: named(line.slice(PREFIX.length), LONGEST_NOTE) };
          else if (notes.at(-1) !== line) notes.push(named(line, LONGEST_NOTE));
          if (notes.length > MOST_NOTES) notes.shift();
          break;
      }
    },
    summary: () => ({ progress, epochs: [...epochs], notes: [...notes], failure }),
  };
}

/** Summarises a log; the summary is empty if there is none, or if it is not a plain file. */
export async function readLog(path: string): Promise<LogSummary> {
  const log = createLog();
  const file = await openPlain(path).catch(() => undefined);
  if (!file) return log.summary();
  const lines = createLines((line) => log.add(line));
  for await (const chunk of file.createReadStream({ end: MOST_BYTES - 1 }) as AsyncIterable<Buffer>) lines.take(chunk);
  lines.end();
  return log.summary();
}

/** Splits bytes into lines. A line longer than {@link LONGEST_LINE} bytes is skipped: none of our programs writes one. */
export function createLines(onLine: (line: string) => void): { take(bytes: Uint8Array): void; end(): void } {
  const decoder = new TextDecoder();
  let rest = "";
  let isTooLong = false;
  return {
    take(bytes) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (!isTooLong && line.length <= LONGEST_LINE) onLine(line);
        isTooLong = false;
      }
      if (rest.length > LONGEST_LINE) [rest, isTooLong] = ["", true];
    },
    end() {
      if (!isTooLong) onLine(rest);
    },
  };
}

/** The line by which the studio itself reports why a training ended. */
export const endLine = (code: ErrorCode, message: string): string => `${failureLine({ code, message })}\n`;

// Following a growing log line by line, as `tail -f` does.

/** The polling interval, in milliseconds. */
const PAUSE = 200;

/**
 * Passes the lines of a file to `onLines` in batches, until `isStillRunning` returns false (what was written before is still read)
 * or `signal` is aborted.
 */
export async function follow(
  path: string,
  isStillRunning: () => Promise<boolean>,
  signal: AbortSignal,
  onLines: (lines: readonly string[]) => void,
): Promise<void> {
  const file = await openPlain(path);
  if (!file) return;
  try {
    const buffer = Buffer.alloc(1 << 16);
    let batch: string[] = [];
    const lines = createLines((line) => batch.push(line));
    for (;;) {
      const last = !(await isStillRunning());
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length);
        if (bytesRead === 0) break;
        lines.take(buffer.subarray(0, bytesRead));
        if (batch.length > 0) onLines(batch);
        batch = [];
      }
      if (last || signal.aborted) return;
      await sleep(PAUSE, undefined, { signal }).catch(() => {});
    }
  } finally {
    await file.close();
  }
}
