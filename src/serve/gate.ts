/** A gate: a bound on how much work is under way at once. Weights are bounded by base/budget.ts. */

export interface Gate {
  /** Runs work when it is its turn; throws the signal's reason where that is aborted before. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Looks again whether work may begin: to be called when what `mayBegin` asks about has changed. */
  look(): void;
}

/**
 * A gate that lets `limit` pieces of work through at once, in the order of their coming.
 *
 * @param mayBegin a further condition; work that is kept waiting by it alone begins after {@link Gate.look}
 */
export function createGate(limit: number, mayBegin: () => boolean = () => true): Gate {
  let running = 0;
  const queue: (() => void)[] = [];
  const look = (): void => {
    while (queue.length > 0 && running < limit && mayBegin()) {
      running++;
      queue.shift()!();
    }
  };
  return {
    look,
    async run(work, signal) {
      await new Promise<void>((begin) => {
        queue.push(begin);
        look();
      });
      try {
        signal?.throwIfAborted();
        return await work();
      } finally {
        running--;
        look();
      }
    },
  };
}
