/** A bound on how much is held at once: bytes of memory, images in a queue. Callers either ask and are refused, or wait. */

export interface Budget {
  readonly size: number;
  readonly used: number;
  /** Takes so much if it is free; says whether it was. */
  take(weight: number): boolean;
  give(weight: number): void;
  /**
   * Waits until so much is free, in the order of asking, and takes it. What is larger than the whole budget waits until nothing
   * else is held. Throws the signal's reason where that is aborted first.
   */
  wait(weight: number, signal?: AbortSignal): Promise<void>;
}

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
