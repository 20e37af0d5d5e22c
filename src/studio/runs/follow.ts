/** Reading a text file as it grows, a line at a time, as `tail -f` does. */
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** How often is looked, in milliseconds. */
const PAUSE = 200;

/**
 * Yields the whole lines of a file to `onLines`, a batch at a time, until `goesOn` says no (what came before that is
 * still read) or `signal` is aborted.
 */
export async function follow(
  path: string,
  goesOn: () => Promise<boolean>,
  signal: AbortSignal,
  onLines: (lines: readonly string[]) => void,
): Promise<void> {
  const file = await open(path);
  try {
    const decoder = new TextDecoder();
    const buffer = Buffer.alloc(1 << 16);
    let rest = "";
    for (;;) {
      const last = !(await goesOn());
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length);
        if (bytesRead === 0) break;
        const lines = (rest + decoder.decode(buffer.subarray(0, bytesRead), { stream: true })).split("\n");
        rest = lines.pop()!;
        if (lines.length > 0) onLines(lines);
      }
      if (last || signal.aborted) return;
      await sleep(PAUSE, undefined, { signal }).catch(() => {});
    }
  } finally {
    await file.close();
  }
}
