/** What commands print: words to stderr, results to stdout, so that `--json` stays one object. */
import { createProgressLine, type ProgressLine } from "../base/progress-line.ts";

/** Prints one JSON value on stdout. */
export const printJson = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

/** Prints a line of the result. */
export const print = (line = ""): void => {
  process.stdout.write(`${line}\n`);
};

/** Tells something beside the result: assumptions, warnings. */
export const note = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Runs work with a progress line on stderr (or another place) that is ended whatever happens. */
export async function withProgress<T>(
  work: (line: ProgressLine) => Promise<T>,
  line: ProgressLine = createProgressLine(),
): Promise<T> {
  try {
    return await work(line);
  } finally {
    line.end();
  }
}

/** A table in columns, the first row being the header. Numbers are right-aligned. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumeric = widths.map((_, column) =>
    rows.slice(1).every((row) => /^[-\d.,%×–]*( [a-zA-Z/]+)?$/.test(row[column] ?? "")),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => (isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** 0.914 → "91.4%" */
export const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
