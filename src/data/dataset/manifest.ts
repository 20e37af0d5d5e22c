/** Datasets as a list: a `.csv` or `.jsonl` with `path,label[,split]`, paths relative to the list. */
import { readFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { dataError, messageOf } from "../../base/errors.ts";
import { CsvError, readCsv } from "./csv.ts";
import type { Named, Split } from "./discover.ts";

const splits: ReadonlyMap<string, Split | undefined> = new Map([
  ["", undefined],
  ["train", "train"],
  ["val", "validation"],
  ["validation", "validation"],
  ["test", "test"],
]);

type Row = Readonly<Record<string, string>>;
type RowReader = (text: string, called: string) => Row[];

const readers: ReadonlyMap<string, RowReader> = new Map([
  [".csv", csvRows],
  [".jsonl", jsonRows],
]);

/** Reads a list of pictures; whether they exist shows when they are decoded. Throws a data error that names what is at fault. */
export async function readManifest(path: string, called: string): Promise<Named[]> {
  const reader = readers.get(extname(path).toLowerCase());
  if (!reader) {
    throw dataError(
      `${called} is a file, not a dataset: give a folder with one sub-folder a class, or a .csv or .jsonl list.`,
    );
  }
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw dataError(`Could not read the list ${called}: ${messageOf(error)}.`, error);
  });
  const rows = reader(text, called);
  if (rows.length === 0) throw dataError(`${called} lists no pictures: it must have lines of path,label[,split].`);
  const seen = new Map<string, number>();
  return rows.map((row, index) => {
    const entry = `Entry ${index + 1} of ${called}`;
    const { path: file, label, split = "" } = row;
    if (!file || !label) throw dataError(`${entry} lacks a path or a label.`);
    if (!splits.has(split)) throw dataError(`${entry} has split "${split}": use train, validation or test.`);
    const full = resolve(dirname(path), file);
    // Twice in training counts it double; once in training and once in the test makes the test worthless.
    const before = seen.get(full);
    if (before !== undefined)
      throw dataError(`${entry} is the picture ${file} of entry ${before} once more: keep one of them.`);
    seen.set(full, index + 1);
    return { path: full, className: label.normalize("NFC"), split: splits.get(split) };
  });
}

function jsonRows(text: string, called: string): Row[] {
  return text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .flatMap((line, index) => {
      if (line.trim() === "") return [];
      try {
        const value: unknown = JSON.parse(line);
        if (typeof value !== "object" || value === null) throw new Error("not an object");
        return [Object.fromEntries(Object.entries(value).map(([key, cell]) => [key, textOf(cell)]))];
      } catch (error) {
        throw dataError(`Line ${index + 1} of ${called} is not a JSON object.`, error);
      }
    });
}

/** Numbers and truth values are labels too; nothing, lists and objects are none. */
const textOf = (cell: unknown): string => (cell === null || typeof cell === "object" ? "" : String(cell));

function csvRows(text: string, called: string): Row[] {
  const [header, ...records] = readRecords(text, called);
  const names = (header?.cells ?? []).map((name) => name.trim().toLowerCase());
  if (!names.includes("path") || !names.includes("label")) {
    throw dataError(`The first line of ${called} must name the columns: path,label[,split].`);
  }
  return records.map(({ cells }) => Object.fromEntries(names.map((name, i) => [name, (cells[i] ?? "").trim()])));
}

function readRecords(text: string, called: string): ReturnType<typeof readCsv> {
  try {
    return readCsv(text);
  } catch (error) {
    if (error instanceof CsvError)
      throw dataError(`Line ${error.line} of ${called} is not CSV: ${error.message}.`, error);
    throw error;
  }
}
