/** Two bounds on what happens at once: a gate on work under way, and a room that holds a weight. */

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

/** A weight, in bytes or pictures, that is not to grow beyond a bound. */
export interface Room {
  readonly used: number;
  /** Takes some of the room if there is so much; says whether there was. */
  take(weight: number): boolean;
  give(weight: number): void;
}

export function createRoom(size: number): Room {
  let used = 0;
  return {
    get used() {
      return used;
    },
    take(weight) {
      if (used + weight > size) return false;
      used += weight;
      return true;
    },
    give(weight) {
      used -= weight;
    },
  };
}
