/** When to retry a request to a hub, and how long to wait in between. Sends no requests itself. */
import { setTimeout as sleep } from "node:timers/promises";
import { PassingFault } from "./failures.ts";

/** When to try again and when to give up; times in milliseconds. */
export interface RetryPolicy {
  /** How many failures in a row end the work; a failure after new bytes arrived counts as the first. */
  readonly tries: number;
  /** The first wait between two tries; each further wait is twice as long, up to 30 s. */
  readonly firstWaitMs: number;
  /** The longest wait that a server may ask for (`Retry-After`). */
  readonly longestWaitMs: number;
  /** How long a server may send nothing. */
  readonly silenceMs: number;
  /** Waits for a time. */
  readonly wait: (milliseconds: number) => Promise<unknown>;
}

export const defaultRetryPolicy: RetryPolicy = {
  tries: 6,
  firstWaitMs: 1000,
  longestWaitMs: 5 * 60_000,
  silenceMs: 60_000,
  wait: (milliseconds) => sleep(milliseconds),
};

/**
 * Runs `work` until it succeeds, throws anything other than a {@link PassingFault}, or the policy gives up.
 *
 * @param onWait called with the length of the next wait, in milliseconds, and its reason
 * @param work calls `progressed` when it got further than before: the count of failures then starts again
 * @throws the `final` error of the last PassingFault when the policy gives up
 */
export async function withRetries<T>(
  { tries, firstWaitMs, longestWaitMs, wait }: RetryPolicy,
  onWait: (milliseconds: number, reason: string) => void,
  work: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let failed = 0;
  for (;;) {
    try {
      return await work(() => {
        failed = 0;
      });
    } catch (error) {
      if (!(error instanceof PassingFault)) throw error;
      failed++;
      if (failed >= tries || (error.waitMs ?? 0) > longestWaitMs) throw error.final;
      const milliseconds = Math.max(error.waitMs ?? 0, Math.min(firstWaitMs * 2 ** (failed - 1), 30_000));
      onWait(milliseconds, error.message);
      await wait(milliseconds);
    }
  }
}
