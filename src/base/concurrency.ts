/** Runs asynchronous work in order and within limits: mapping ahead, queues, budgets of memory or other amounts. Starts no threads. */

/**
 * Maps items with at most `limit` calls running, and generates the results in the order of the items.
 * Runs at most `limit` items ahead of the reader. The first failure ends it.
 */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const underWay: Promise<R>[] = [];
  const start = (item: T): void => {
    const promise = work(item);
    // A failure is thrown when its turn comes; until then it must not count as unhandled.
    promise.catch(() => {});
    underWay.push(promise);
  };
  for (const item of items) {
    start(item);
    if (underWay.length >= limit) yield await underWay.shift()!;
  }
  while (underWay.length > 0) yield await underWay.shift()!;
}

/**
 * Yields to the event loop, so that a page can draw and a process can handle signals. Uses no timer, because browsers slow
 * timers down in background tabs.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** A signal that is aborted when either of two is, with the same reason. */
export const eitherOf = (a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined =>
  a && b ? AbortSignal.any([a, b]) : (a ?? b);

/** Runs one piece of work after another: each starts when the one before it has ended, with or without an error. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** A new, empty queue. */
export function queue(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const own = last.then(work);
    last = own.catch(() => {});
    return own;
  };
}

/** A function that computes its result on the first call and returns the same result from then on. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Limits how much is in use at once: bytes of memory, images in a queue. A caller either asks and may be refused, or waits. */
export interface Budget {
  readonly size: number;
  readonly used: number;
  /** Takes `weight` if it is free; returns whether it was. */
  take(weight: number): boolean;
  /** Returns what `take` or `wait` took. */
  give(weight: number): void;
  /**
   * Waits until `weight` is free and takes it; requests are served in order. A request larger than the whole budget waits until
   * nothing else is in use. Throws the signal's reason if it is aborted first.
   */
  wait(weight: number, signal?: AbortSignal): Promise<void>;
}

/** @param size the most that may be in use at once, in the unit of the weights */
export function createBudget(size: number): Budget {
  let used = 0;
  const queue: { readonly weight: number; readonly begin: () => void }[] = [];
  const fits = (weight: number): boolean => used === 0 || used + weight <= size;
  const look = (): void => {
    while (queue.length > 0 && fits(queue[0]!.weight)) {
      const { weight, begin } = queue.shift()!;
      used += weight;
      begin();
    }
  };
  return {
    size,
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
      look();
    },
    async wait(weight, signal) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const entry = {
          weight,
          begin: () => {
            signal?.removeEventListener("abort", drop);
            resolve();
          },
        };
        const drop = (): void => {
          queue.splice(queue.indexOf(entry), 1);
          reject(signal!.reason);
          look();
        };
        signal?.addEventListener("abort", drop, { once: true });
        queue.push(entry);
        look();
      });
    },
  };
}
