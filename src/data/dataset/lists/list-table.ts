/** Reads a list file (`.csv`, `.tsv`, `.jsonl`) as rows of cells with line numbers. list-columns.ts interprets the columns. */
import { dataError } from "../../../base/errors.ts";
import { endingOf } from "../file-tree.ts";

export type Delimiter = "," | ";" | "\t" | "|";

/** One record and the line on which it starts, counted from 1. */
export interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

/** Thrown if a text is not CSV. */
export class CsvError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/**
 * The records of a CSV text (RFC 4180, or with another delimiter) without empty lines. Quoted cells may hold the delimiter, line ends and
 * doubled quotes. Lines may end in CRLF, LF or CR; a byte order mark is skipped.
 *
 * @param most the most records to read
 * @throws CsvError if a quote is not closed, or text follows a closing quote
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

// Text encodings: UTF-8, UTF-16 with or without a byte order mark, else Windows-1252.

export interface DecodedText {
  /** Without a byte order mark. */
  readonly text: string;
  /** The encoding, if it is an assumption that people should know about. */
  readonly assumed: "Windows-1252" | undefined;
}

/** The bytes that are checked to recognise UTF-16 without a mark. */
const PROBE = 1024;

/** Decodes bytes as text; undefined if they are not text. */
export function decodeText(bytes: Uint8Array): DecodedText | undefined {
  const utf16 = utf16Of(bytes);
  if (utf16) return { text: withoutMark(new TextDecoder(utf16).decode(bytes)), assumed: undefined };
  // Spreadsheets and archives contain zero bytes; 8-bit text does not.
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

// Tables.

/** A cell; JSON may give several values. */
export type Cell = string | readonly string[];

export interface Row {
  /** Counted from 1. */
  readonly line: number;
  readonly cells: readonly Cell[];
}

export interface Table {
  /** The column names; undefined for a CSV, whose first row may be a header or a row like the others. */
  readonly columns: readonly string[] | undefined;
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

/**
 * Reads a `.csv`, `.tsv` or `.jsonl`.
 *
 * @param called the file's name in errors
 * @throws GraftError (`data`) if it cannot be parsed
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

/** The cell of a JSON value: numbers and booleans are labels too, objects are not. */
function cellOf(value: unknown): Cell {
  if (Array.isArray(value)) return value.map((one) => String(cellOf(one))).filter((one) => one !== "");
  return value === undefined || value === null || typeof value === "object" ? "" : String(value).trim();
}

function csvRows(text: string, called: string, isTabbed: boolean): Row[] {
  // Spreadsheets may name the delimiter in the first line.
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

/** The delimiter that splits the first lines into the same number of cells, at least two. */
function delimiterOf(text: string, isTabbed: boolean): Delimiter {
  const order: readonly Delimiter[] = isTabbed ? ["\t", ",", ";", "|"] : delimiters;
  const candidates = order.map((delimiter) => ({ delimiter, ...shapeOf(text, delimiter) }));
  const even = candidates.filter(({ width, isEven }) => width > 1 && isEven);
  // Of several, the one with the most cells: it is the least likely to be a coincidence.
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
