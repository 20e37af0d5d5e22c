/** Comma-separated values as RFC 4180 has them, or with another delimiter: quoted cells may hold it, line ends and doubled quotes. */

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
