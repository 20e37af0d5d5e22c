/**
 * Everything that commands print: notes to stderr, results to stdout, so that `--json` is one object. Escapes control characters in
 * foreign text (names of classes and files, metadata).
 */
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

/** The current progress line. */
let shown: ProgressLine | undefined;

/** Prints a note to stderr: assumptions, warnings. */
export const note = (lines: string | readonly string[]): void => {
  shown?.end();
  process.stderr.write(linesOf(lines));
};

/** Runs work with a progress line on stderr (or another place) that is ended whatever happens. */
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

/** The lines of a table in columns, the first row being the header. Numbers are right-aligned. */
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
