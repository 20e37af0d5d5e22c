/** Running asynchronous work at a bounded rate and in order. */

/**
 * Maps items with at most `limit` calls running, and yields the results in the order of the items.
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
