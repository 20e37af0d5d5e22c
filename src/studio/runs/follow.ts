/** Reading a log as it grows, a line at a time, as `tail -f` does. */
import { setTimeout as sleep } from "node:timers/promises";
import { openPlain } from "../project/own-files.ts";
import { createLines } from "./log.ts";

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
