/** Comma-separated values as RFC 4180 has them, or with another delimiter: quoted cells may hold it, line ends and doubled quotes. */
import { dataError } from "../../../base/errors.ts";
import { endingOf } from "../file-tree.ts";

export type Delimiter = "," | ";" | "\t" | "|";

/** One record and the line that it starts on, counted from 1. */
export interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

/** Thrown where a text is not CSV. */
export class CsvError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/**
 * The records of a text, empty lines left out. Lines may end in CRLF, LF or CR; a byte order mark is passed over.
 *
 * @param most the most records that are read
 * @throws CsvError where a quote is left open, or something follows a closing quote
 */
export function readCsv(text: string, delimiter: Delimiter = ",", most = Number.POSITIVE_INFINITY): CsvRecord[] {
  const records: CsvRecord[] = [];
  let cells: string[] = [];
  let [at, line, startLine] = [text.startsWith("\ufeff") ? 1 : 0, 1, 1];
  // A cell without quotes ends at the next of these.
  const ending = new RegExp(`[${delimiter}\r\n]`, "g");
  while (at <= text.length && records.length < most) {
    let cell = "";
    if (text[at] === '"') {
      for (;;) {
        const close = text.indexOf('"', at + 1);
        if (close < 0) throw new CsvError(startLine, "a quote is left open");
        cell += text.slice(at + 1, close);
        at = close + 1;
        if (text[at] !== '"') break;
        cell += '"';
      }
      line += lineEnds(cell);
      if (at < text.length && !`${delimiter}\r\n`.includes(text[at]!))
        throw new CsvError(line, "text follows a closing quote");
    } else {
      ending.lastIndex = at;
      const end = ending.exec(text)?.index ?? text.length;
      cell = text.slice(at, end);
      at = end;
    }
    cells.push(cell);
    if (text[at] !== delimiter) {
      if (cells.some((own) => own !== "")) records.push({ line: startLine, cells });
      cells = [];
      if (text.startsWith("\r\n", at)) at++;
      startLine = ++line;
    }
    at++;
  }
  return records;
}

const lineEnds = (text: string): number => text.match(/\r\n|\r|\n/g)?.length ?? 0;

// The bytes of a list → text: UTF-8, UTF-16 with or without a byte order mark, else Windows-1252.

export interface DecodedText {
  /** Without a byte order mark. */
  readonly text: string;
  /** Set where the encoding is an assumption that people should know of. */
  readonly assumed: "Windows-1252" | undefined;
}

/** What is looked at to tell UTF-16 without a mark, in bytes. */
const PROBE = 1024;

/** Text of bytes; nothing where they are no text. */
export function decodeText(bytes: Uint8Array): DecodedText | undefined {
  const utf16 = utf16Of(bytes);
  if (utf16) return { text: withoutMark(new TextDecoder(utf16).decode(bytes)), assumed: undefined };
  // Spreadsheets and archives hold zeros; no 8-bit text does.
  if (bytes.includes(0)) return undefined;
  try {
    return { text: withoutMark(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), assumed: undefined };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(bytes), assumed: "Windows-1252" };
  }
}

const withoutMark = (text: string): string => text.replace(/^\ufeff/, "");

/** Latin text in UTF-16 has a zero in every other byte. */
function utf16Of(bytes: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const probe = bytes.subarray(0, PROBE);
  const zeros = [0, 0];
  for (const [i, byte] of probe.entries()) if (byte === 0) zeros[i % 2]!++;
  const [even, odd] = zeros as [number, number];
  if (odd > probe.length / 8 && even === 0) return "utf-16le";
  if (even > probe.length / 8 && odd === 0) return "utf-16be";
  return undefined;
}

// A list file → rows of cells with their line numbers. What its columns mean is in columns.ts.

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
