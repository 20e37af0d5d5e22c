/** Doing several things at once without losing their order or doing too many. */

/**
 * Maps items with at most `limit` under way, and yields the results in the items' order.
 * Work runs ahead of the reader by at most `limit` items; the first failure ends it.
 */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const underWay: Promise<R>[] = [];
  const start = (item: T): void => {
    const promise = work(item);
    // A failure is met when its turn comes; until then it must not count as unhandled.
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
 * Lets whatever waits have a turn: a page draws itself, a process hears its signals. Not a timer, which is slowed down in a
 * page that is not in front.
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

/** A signal that is aborted when one of two is, with its reason. */
export const eitherOf = (a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined =>
  a && b ? AbortSignal.any([a, b]) : (a ?? b);

/** Lets one piece of work begin when the one before it is over, however that ended. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** A queue of its own. */
export function queue(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const own = last.then(work);
    last = own.catch(() => {});
    return own;
  };
}
