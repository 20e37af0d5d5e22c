/** Signs of life: files whose modification time a living process keeps fresh, for processes that cannot look at it. */
import { utimes } from "node:fs/promises";

/** How often a file is touched, in milliseconds. */
const BEAT = 15_000;
/**
 * After how long without a sign of life a process is taken for dead, in milliseconds: many beats, because a process that
 * computes without pause gives none meanwhile.
 */
export const SILENCE = 10 * 60_000;

/** Keeps the modification time of a file fresh until the function that it returns is called. Does not keep the process alive. */
export function keepFresh(path: string): () => void {
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), BEAT);
  timer.unref();
  return () => clearInterval(timer);
}
