/** Heartbeats: a living process keeps the modification time of a file fresh, for processes that cannot check it directly. */
import { utimes } from "node:fs/promises";

/** How often a file is touched, in milliseconds. */
const HEARTBEAT_MS = 15_000;
/**
 * How long after the last heartbeat a process counts as ended, in milliseconds. Many intervals long, because a process that
 * blocks its event loop gives no heartbeat.
 */
export const SILENCE = 10 * 60_000;

/** Keeps the modification time of a file fresh until the returned function is called. Does not keep the process alive. */
export function keepFresh(path: string): () => void {
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), HEARTBEAT_MS);
  timer.unref();
  return () => clearInterval(timer);
}
