/** Ctrl-C, and SIGTERM as service managers send it: the first asks for an orderly end, the second ends the process at once. */
import { exitCodes, stoppedError } from "../base/errors.ts";
import { note } from "./output.ts";

/** What shells expect of a process that a signal ended: 128 and the signal's number. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const;
const signals = ["SIGINT", "SIGTERM"] as const;

let received: (typeof signals)[number] | undefined;

/** A signal that is aborted on the first interruption, with `sentence` in the reason, a `stopped` error. */
export function interruptible(sentence: string): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: (typeof signals)[number]): void => {
    received = signal;
    // Without a listener, the next one ends the process as the system does.
    for (const one of signals) process.off(one, stop);
    if (process.stderr.isTTY) note(["", "Stopping. Press Ctrl-C again to stop at once."]);
    controller.abort(stoppedError(sentence));
  };
  for (const signal of signals) process.on(signal, stop);
  return controller.signal;
}

/** The exit code of work that was stopped. */
export const stoppedCode = (): number => (received === undefined ? exitCodes.work : codes[received]);

/**
 * Ends the process when the time is over, whatever holds it then. Called when an orderly end has begun; a process that has ended
 * by then is left alone.
 */
export function endWithin(ms: number): void {
  const end = (): void => {
    note(`graft: Stopping took more than ${ms / 1000} seconds, so the process was killed.`);
    // `process.exit` would wait for images that are being decoded.
    process.kill(process.pid, "SIGKILL");
  };
  setTimeout(end, Math.max(ms, 500)).unref();
}
