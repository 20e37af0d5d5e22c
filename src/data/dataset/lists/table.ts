/** A list file → rows of cells with their line numbers. What its columns mean is in columns.ts. */
import { dataError } from "../../../base/errors.ts";
import { endingOf } from "../tree.ts";
import { CsvError, type CsvRecord, type Delimiter, readCsv } from "./csv.ts";
import { decodeText } from "./text.ts";

/** JSON can give several values. */
export type Cell = string | readonly string[];

export interface Row {
  /** Counted from 1. */
  readonly line: number;
  readonly cells: readonly Cell[];
}

export interface Table {
  /** Names as they are written; nothing for a CSV, whose first row may hold them or be a row like the others. */
  readonly columns: readonly string[] | undefined;
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

/**
 * Reads a `.csv`, `.tsv` or `.jsonl`.
 *
 * @param called the file's name in errors
 * @throws GraftError (`data`) where it is none
 */
export function readTable(bytes: Uint8Array, called: string): Table {
  const decoded = decodeText(bytes);
  if (!decoded) throw dataError(`${called} is not a text file: save it as CSV (UTF-8).`);
  const notes = decoded.assumed
    ? [`${called} is not UTF-8 and was read as ${decoded.assumed}: save it as UTF-8 if names look wrong.`]
    : [];
  const ending = endingOf(called);
  if (ending === "jsonl") return { ...jsonTable(decoded.text, called), notes };
  return { columns: undefined, rows: csvRows(decoded.text, called, ending === "tsv"), notes };
}

function jsonTable(text: string, called: string): Pick<Table, "columns" | "rows"> {
  const objects = text.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "") return [];
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("not an object");
      return [{ line: index + 1, value: new Map(Object.entries(value)) }];
    } catch (error) {
      throw dataError(`Line ${index + 1} of ${called} is not a JSON object.`, error);
    }
  });
  const columns = [...new Set(objects.flatMap(({ value }) => [...value.keys()]))];
  const rows = objects.map(({ line, value }) => ({ line, cells: columns.map((name) => cellOf(value.get(name))) }));
  return { columns, rows };
}

/** Numbers and truth values are labels too; objects are none. */
function cellOf(value: unknown): Cell {
  if (Array.isArray(value)) return value.map((one) => String(cellOf(one))).filter((one) => one !== "");
  return value === undefined || value === null || typeof value === "object" ? "" : String(value).trim();
}

function csvRows(text: string, called: string, isTabbed: boolean): Row[] {
  // Spreadsheets say the delimiter so.
  const said = /^sep=([,;\t|])\r?\n/.exec(text);
  const body = said ? text.slice(said[0].length) : text;
  const delimiter = (said?.[1] as Delimiter | undefined) ?? delimiterOf(body, isTabbed);
  try {
    return readCsv(body, delimiter).map(({ line, cells }) => ({
      line: line + (said ? 1 : 0),
      cells: cells.map((cell) => cell.trim()),
    }));
  } catch (error) {
    if (error instanceof CsvError)
      throw dataError(`Line ${error.line} of ${called} is not CSV: ${error.message}.`, error);
    throw error;
  }
}

const delimiters: readonly Delimiter[] = [",", ";", "\t", "|"];

/** The delimiter that divides the first lines into the same number of cells, at least two. */
function delimiterOf(text: string, isTabbed: boolean): Delimiter {
  const order: readonly Delimiter[] = isTabbed ? ["\t", ",", ";", "|"] : delimiters;
  const candidates = order.map((delimiter) => ({ delimiter, ...shapeOf(text, delimiter) }));
  const even = candidates.filter(({ width, isEven }) => width > 1 && isEven);
  // Of several, the one that a table cannot have by chance: the most cells.
  const best = (even.length > 0 ? even : candidates).reduce((a, b) => (b.width > a.width ? b : a));
  return best.delimiter;
}

function shapeOf(text: string, delimiter: Delimiter): { width: number; isEven: boolean } {
  let records: CsvRecord[];
  try {
    records = readCsv(text, delimiter, 20);
  } catch (error) {
    if (error instanceof CsvError) return { width: 0, isEven: false };
    throw error;
  }
  const width = records[0]?.cells.length ?? 0;
  return { width, isEven: records.every(({ cells }) => cells.length === width) };
}
