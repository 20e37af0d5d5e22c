/**
 * Trying again: how often, and how long to wait in between. What is tried is not known here.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { PassingFault } from "./failures.ts";

/** How much a hub is put up with; times in milliseconds. */
export interface Patience {
  /** How often something is tried before it is given up; what brings new bytes does not count. */
  readonly tries: number;
  /** The first wait between two tries; each further one is twice as long. */
  readonly firstWait: number;
  /** The longest that a server may ask to wait (`Retry-After`). */
  readonly longestWait: number;
  /** How long a server may be silent. */
  readonly silence: number;
  /** Lets a time pass. */
  readonly wait: (milliseconds: number) => Promise<unknown>;
}

export const defaultPatience: Patience = {
  tries: 6,
  firstWait: 1000,
  longestWait: 5 * 60_000,
  silence: 60_000,
  wait: (milliseconds) => sleep(milliseconds),
};

/**
 * Does `work` until it succeeds, throws anything but a {@link PassingFault}, or patience ends.
 *
 * @param work calls `progressed` when it got further than ever before: patience then begins anew
 * @param onWait told how long the next wait is, in milliseconds
 */
export async function persist<T>(
  { tries, firstWait, longestWait, wait }: Patience,
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
      if (failed >= tries || (error.wait ?? 0) > longestWait) throw error.final;
      const milliseconds = Math.max(error.wait ?? 0, Math.min(firstWait * 2 ** (failed - 1), 30_000));
      onWait(milliseconds, error.message);
      await wait(milliseconds);
    }
  }
}
