/** Noticing that a file has changed, without watching it: file systems differ in what they tell, and all of them answer `stat`. */
import { stat } from "node:fs/promises";

/** What differs when a file was written or replaced; `absent` where there is none. */
export async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path);
    return [dev, ino, size, mtimeMs].join(" ");
  } catch {
    return "absent";
  }
}

/**
 * Calls `check` every so often until the function that it yields is called; never twice at once.
 *
 * @param periodMs milliseconds from the end of one check to the next
 */
export function repeat(check: () => Promise<void>, periodMs: number): () => void {
  let timer: NodeJS.Timeout;
  let stopped = false;
  const next = (): void => {
    timer = setTimeout(async () => {
      await check();
      if (!stopped) next();
    }, periodMs).unref();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
