/**
 * `events.log`: what a training says as it goes, a line each, and what these lines come to. The log may be of any length and
 * anybody's making: it is read a line at a time, and what is kept of it is bounded.
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
  /** The sentence that `graft` ended with. */
  readonly message: string;
}

/** What the lines come to. */
export interface Told {
  readonly progress: Progress | null;
  readonly epochs: readonly EpochEvent[];
  readonly notes: readonly string[];
  readonly failure: Failure | undefined;
}

/** Marks where a training began again in a log that goes on. */
export const BEGINS = "#begins";
/** How `graft` begins the last sentence of a command that failed before it could say so in JSON. */
const PREFIX = "graft: ";

/** What is kept: more epochs than a training may have, the last notes, and no endless line. */
const [MOST_EPOCHS, MOST_NOTES, LONGEST_NOTE] = [20_000, 50, 2000];
/** Bytes of a log that are read, and of one line. */
const [MOST_BYTES, LONGEST_LINE] = [64 * 2 ** 20, 64 * 1024];

/** Collects lines. */
export interface Log {
  add(line: string): void;
  told(): Told;
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
          // A resumed run says an epoch again.
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
    told: () => ({ progress, epochs: [...epochs], notes: [...notes], failure }),
  };
}

/** Reads a log as far as it goes; nothing has been said where there is none, or where it is no plain file. */
export async function readLog(path: string): Promise<Told> {
  const log = createLog();
  const file = await openPlain(path).catch(() => undefined);
  if (!file) return log.told();
  const lines = createLines((line) => log.add(line));
  for await (const chunk of file.createReadStream({ end: MOST_BYTES - 1 }) as AsyncIterable<Buffer>) lines.take(chunk);
  lines.end();
  return log.told();
}

/** Cuts bytes into lines. A line beyond {@link LONGEST_LINE} bytes is passed over: no program of ours writes one. */
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

/** The line by which the studio itself says why a training ended. */
export const endLine = (code: ErrorCode, message: string): string => `${failureLine({ code, message })}\n`;

// Reading a log as it grows, a line at a time, as `tail -f` does.

/** How often is looked, in milliseconds. */
const PAUSE = 200;

/**
 * Passes the lines of a file to `onLines`, a batch at a time, until `goesOn` says no (what came before that is
 * still read) or `signal` is aborted.
 */
export async function follow(
  path: string,
  goesOn: () => Promise<boolean>,
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
      const last = !(await goesOn());
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
