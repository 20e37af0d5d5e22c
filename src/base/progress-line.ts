/**
 * Progress as text: on a terminal one line that is overwritten, in a file or CI log a new line from time to time. Never on stdout,
 * which is for results.
 */
import type { OnProgress, Progress } from "./progress.ts";
import { escaped } from "./text.ts";

/** Where the text is written, such as `process.stderr`. */
export interface ProgressSink {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface ProgressLineOptions {
  /** Default `process.stderr`. */
  readonly sink?: ProgressSink | undefined;
  /** Shows nothing. */
  readonly quiet?: boolean | undefined;
  /** Milliseconds of any clock that never goes back; default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/** Shows progress; pass `show` as an `onProgress`. */
export interface ProgressLine {
  readonly show: OnProgress;
  /** Clears the line on a terminal so that other text can be written; the next progress writes it again. */
  clear(): void;
  /** Ends the line so that other text can follow. Call it after the work, also if it failed. */
  end(): void;
}

/** The shortest time between two updates, in milliseconds. */
const updateIntervalMs = { terminal: 100, log: 10_000 };

/** Creates a progress line. A stage of which at least one state was shown ends with its last state. */
export function createProgressLine(options: ProgressLineOptions = {}): ProgressLine {
  const { sink = process.stderr, quiet = false, now = () => performance.now() } = options;
  if (quiet) return { show() {}, clear() {}, end() {} };
  const terminal = sink.isTTY === true;
  let latest: Progress | undefined;
  let shown: Progress | undefined;
  /** The time of the last write; in a log, also of the start of the stage. */
  let since = 0;
  let lines = 0;

  const write = (progress: Progress): void => {
    const text = progressText(progress);
    sink.write(terminal ? `\r${text.slice(0, (sink.columns || 80) - 1)}\u001b[K` : `${text}\n`);
    shown = progress;
    since = now();
    lines++;
  };
  const end = (): void => {
    if (lines > 0 && latest && latest !== shown) write(latest);
    if (lines > 0 && terminal) sink.write("\n");
    latest = undefined;
    lines = 0;
  };
  return {
    end,
    clear() {
      if (!terminal || lines === 0) return;
      sink.write("\r\u001b[K");
      shown = undefined;
      since = Number.NEGATIVE_INFINITY;
    },
    show(progress) {
      if (latest?.stage !== progress.stage) {
        end();
        since = terminal ? Number.NEGATIVE_INFINITY : now();
      }
      latest = progress;
      if (now() - since >= updateIntervalMs[terminal ? "terminal" : "log"]) write(progress);
    },
  };
}

/** One line: the stage, the amount done, the rate and the time left. */
export function progressText({ stage, done, total, unit, ratePerSecond, secondsLeft }: Progress): string {
  const { amount, of } = writers[unit] ?? counted(unit);
  const parts = [
    `${escaped(stage)}: ${total === undefined ? of(amount(done)) : of(`${amount(done)} of ${amount(total)}`)}`,
  ];
  if (ratePerSecond > 0) parts.push(`${of(amount(ratePerSecond))}/s`);
  if (secondsLeft) parts.push(`${durationText(secondsLeft)} left`);
  return parts.join(", ");
}

/** How to write an amount, and how to add its unit. */
interface UnitWriter {
  amount(value: number): string;
  of(amount: string): string;
}

const counted = (unit: string): UnitWriter => ({
  amount: (value) =>
    value.toLocaleString("en-US", { maximumFractionDigits: Number.isInteger(value) || value >= 10 ? 0 : 1 }),
  of: (amount) => `${amount} ${unit}`,
});

const writers: Readonly<Record<string, UnitWriter>> = {
  bytes: { amount: (value) => (value / 1e6).toFixed(1), of: (amount) => `${amount} MB` },
};

/** A duration as text: "8 s", "3 min 20 s", "2 h 5 min". */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.ceil(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
