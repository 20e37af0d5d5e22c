/**
 * Ctrl-C by a file: who started this process (the studio) asks it to stop by making a file. A signal would need a process
 * number, which a folder from somebody else can claim, and would end the process at once on Windows.
 */
import { existsSync } from "node:fs";

/** How often is looked, in milliseconds. */
const PAUSE = 250;

/** The variable of the environment that names the file. */
export const STOP_FILE = "GRAFT_STOP_FILE";

/** Looks for the file until it is there. Does not keep the process alive. */
export function watchStopFile(path: string | undefined = process.env[STOP_FILE]): void {
  if (!path) return;
  const timer = setInterval(() => {
    // Until a command listens there is nothing to stop in good order.
    if (process.listenerCount("SIGINT") === 0 || !existsSync(path)) return;
    clearInterval(timer);
    process.emit("SIGINT", "SIGINT");
  }, PAUSE);
  timer.unref();
}
