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
