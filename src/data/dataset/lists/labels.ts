/** The one label of each row, or why a row has none or several. */
import { dataError } from "../../../base/errors.ts";
import { type Columns, isSet } from "./columns.ts";
import type { Row } from "./table.ts";

/** What divides several labels in one cell. */
const separators = [",", ";", "|"] as const;

/**
 * The label of each row by position; undefined where a one-hot row has none.
 *
 * @throws GraftError (`data`) where a cell is empty, or an image has several labels
 */
export function labelsOf(
  rows: readonly Row[],
  { label }: Columns,
  names: readonly string[],
  called: string,
): (string | undefined)[] {
  const several = (line: number, labels: readonly string[]): Error =>
    dataError(
      `Line ${line} of ${called} gives one image several labels (${labels.map((one) => `"${one}"`).join(", ")}): multi-label training is not there yet, so keep one label an image.`,
    );
  if (label.kind === "one-hot") {
    return rows.map(({ line, cells }) => {
      const set = label.at.filter((at) => isSet(cells[at] ?? "")).map((at) => names[at]!);
      if (set.length > 1) throw several(line, set);
      return set[0]?.normalize("NFC");
    });
  }
  const labels = rows.map(({ line, cells }) => {
    const cell = cells[label.at] ?? "";
    const own = typeof cell === "string" ? [cell] : cell;
    if (own.length > 1) throw several(line, own);
    if (own[0] === undefined || own[0] === "") throw dataError(`Line ${line} of ${called} lacks a label.`);
    return own[0].normalize("NFC");
  });
  const known = new Set(labels);
  for (const [at, text] of labels.entries()) {
    for (const separator of separators) {
      const parts = text.split(separator).map((part) => part.trim());
      // "Paris, France" is a name; "daisy,white" is two where "daisy" is a label of its own.
      if (parts.length > 1 && parts.some((part) => known.has(part))) throw several(rows[at]!.line, parts);
    }
  }
  return labels;
}
