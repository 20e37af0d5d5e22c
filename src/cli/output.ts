/**
 * Everything that commands print: notes to stderr, results to stdout, so that `--json` is one object; tables and scatter plots
 * as text. Escapes control characters in foreign text (names of classes and files, metadata).
 */
import { dataError, type GraftError } from "../base/errors.ts";
import { createProgressLine, type ProgressLine } from "../base/progress-line.ts";
import { escaped, escapedJson } from "../base/text.ts";

/** A value as JSON that is safe on a terminal. */
export const jsonText = (value: unknown): string => escapedJson(JSON.stringify(value));

/** Prints one JSON value on stdout. */
export const printJson = (value: unknown): void => {
  process.stdout.write(`${jsonText(value)}\n`);
};

const linesOf = (lines: string | readonly string[]): string =>
  (typeof lines === "string" ? [lines] : lines).map((line) => `${escaped(line)}\n`).join("");

/** Prints a line of the result, or several. A line break inside one is escaped: a name cannot forge a line. */
export const print = (lines: string | readonly string[] = ""): void => {
  process.stdout.write(linesOf(lines));
};

/** The error of a command if none of its files is an image. A note for each file has already said why. */
export const noImages = (files: number): GraftError =>
  dataError(
    files === 1
      ? "Graft cannot read the file as an image: the reason is above."
      : `Graft cannot read any of the ${files} files as an image: the reasons are above.`,
  );

/** The current progress line. */
let shown: ProgressLine | undefined;

/** Prints a note to stderr: assumptions, warnings. */
export const note = (lines: string | readonly string[]): void => {
  shown?.end();
  process.stderr.write(linesOf(lines));
};

/** Runs work with a progress line on stderr (or elsewhere), which is ended even if the work fails. */
export async function withProgress<T>(
  work: (line: ProgressLine) => Promise<T>,
  line: ProgressLine = createProgressLine(),
): Promise<T> {
  const outer = shown;
  shown = line;
  try {
    return await work(line);
  } finally {
    shown = outer;
    line.end();
  }
}

/** Formats rows as aligned columns; the first row is the header. Numeric columns are right-aligned. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const safe = rows.map((row) => row.map(escaped));
  const widths = (safe[0] ?? []).map((_, column) => Math.max(...safe.map((row) => row[column]?.length ?? 0)));
  const isNumeric = widths.map((_, column) =>
    safe.slice(1).every((row) => /^[-\d.,%×–]*( [a-zA-Z/]+)?$/.test(row[column] ?? "")),
  );
  return safe.map((row) =>
    row
      .map((cell, column) => (isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** 0.914 → "91.4%" */
export const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** A file that was not used, and why. */
interface Unused {
  readonly path: string;
  readonly reason: string;
}

/** Lists files that could not be used: the first ones, and how many more there are. */
export function noteUnused(what: "Skipped" | "Left out", files: readonly Unused[], most = 5): void {
  for (const { path, reason } of files.slice(0, most)) note(`${what} ${path}: ${reason}`);
  if (files.length > most) note(`… and ${files.length - most} more; --json lists all.`);
}

// Scatter plots as text.

export interface Dot {
  readonly x: number;
  readonly y: number;
  /** One character. */
  readonly mark: string;
}

export interface ScatterOptions {
  readonly dots: readonly Dot[];
  /** The columns and rows of the plot itself. Default 60 × 12. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
}

/** Draws the plot; the horizontal axis is logarithmic, because costs span orders of magnitude. All `x` are above 0. */
export function scatter(options: ScatterOptions): string {
  const { dots, width = 60, height = 12, xLabel, yLabel, formatX, formatY } = options;
  const [left, right] = extent(dots.map(({ x }) => Math.log(x)));
  const [bottom, top] = extent(dots.map(({ y }) => y));
  const cells = Array.from({ length: height }, () => new Array<string>(width).fill(" "));
  for (const { x, y, mark } of dots) {
    const column = Math.round(((Math.log(x) - left) / (right - left)) * (width - 1));
    const row = Math.round(((top - y) / (top - bottom)) * (height - 1));
    cells[row]![freeNear(cells[row]!, column)] = mark;
  }
  const names = [formatY(top), formatY(bottom)];
  const margin = Math.max(...names.map((name) => name.length));
  const label = (row: number): string => (row === 0 ? names[0]! : row === height - 1 ? names[1]! : "");
  const ends = [formatX(Math.exp(left)), formatX(Math.exp(right))];
  const gap = Math.max(1, width - ends[0]!.length - ends[1]!.length);
  return [
    `${" ".repeat(margin)}  ${yLabel}`,
    ...cells.map((row, i) => `${label(i).padStart(margin)} │${row.join("")}`.trimEnd()),
    `${" ".repeat(margin)} └${"─".repeat(width)}`,
    `${" ".repeat(margin)}  ${ends[0]}${" ".repeat(gap)}${ends[1]}`,
    `${" ".repeat(margin)}  ${" ".repeat(Math.max(0, Math.floor((width - xLabel.length) / 2)))}${xLabel}`,
  ].join("\n");
}

/** The minimum and maximum, with a margin. */
function extent(values: readonly number[]): readonly [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = high > low ? 0.04 * (high - low) : Math.max(Math.abs(high), 1) * 0.05;
  return [low - air, high + air];
}

/** The column, or the nearest free one. */
function freeNear(row: readonly string[], column: number): number {
  for (let step = 0; step < row.length; step++)
    for (const at of [column + step, column - step]) if (row[at] === " ") return at;
  return column;
}
