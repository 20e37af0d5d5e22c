/**
 * Ctrl-C through a file: the program that started this process (the studio) creates a file to stop it. A signal would need a
 * process ID, which a folder from somebody else could forge, and would kill the process immediately on Windows.
 */
import { existsSync } from "node:fs";

/** How often to look for the file, in milliseconds. */
const POLL_INTERVAL_MS = 250;

/** The environment variable with the path of the file. */
export const STOP_FILE = "GRAFT_STOP_FILE";

/** Emits SIGINT in this process when the file appears. Does not keep the process alive. */
export function watchStopFile(path: string | undefined = process.env[STOP_FILE]): void {
  if (!path) return;
  const timer = setInterval(() => {
    // Until a command listens, nothing can stop cleanly.
    if (process.listenerCount("SIGINT") === 0 || !existsSync(path)) return;
    clearInterval(timer);
    process.emit("SIGINT", "SIGINT");
  }, POLL_INTERVAL_MS);
  timer.unref();
}
