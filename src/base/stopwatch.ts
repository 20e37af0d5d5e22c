/** Measures how long consecutive parts of some work take. */

export interface Stopwatch<Part extends string> {
  /** Seconds from the start of the process until the stopwatch was created. */
  readonly startUp: number;
  /** Ends a part: the time since the last part ended belongs to it. */
  lap(part: Part): void;
  /** Seconds of a part; 0 if it was not done. */
  of(part: Part): number;
  /** Seconds since the stopwatch was created. */
  seconds(): number;
}

/** Seconds since a time of `performance.now()`. */
export const secondsSince = (began: number): number => (performance.now() - began) / 1000;

export function createStopwatch<Part extends string>(): Stopwatch<Part> {
  const began = performance.now();
  const parts = new Map<Part, number>();
  let last = began;
  return {
    startUp: began / 1000,
    lap(part) {
      const now = performance.now();
      parts.set(part, (parts.get(part) ?? 0) + (now - last) / 1000);
      last = now;
    },
    of: (part) => parts.get(part) ?? 0,
    seconds: () => secondsSince(began),
  };
}
