/** Finds the columns of a list (path, label, split, group) and reads the label of each row. Does not look for files. */
import { dataError } from "../../../base/errors.ts";
import { splitOfCell } from "../dataset-names.ts";
import type { Cell, Row } from "./list-table.ts";

/** The positions of columns. */
export interface Columns {
  readonly path: number;
  readonly label:
    | { readonly kind: "column"; readonly at: number }
    /** A column for each class, with 1 if the image shows it. */
    | { readonly kind: "one-hot"; readonly at: readonly number[] };
  readonly split: number | undefined;
  readonly group: number | undefined;
}

const words = (text: string): readonly string[] => text.split(" ");

/** Names without spaces, `_` and `-`, in lower case; the first that a list has is used. */
const pathNames = words(
  "path filepath imagepath imgpath filename imagefilename imagefile imagename image img file picture photo imageid imgid id fname name",
);
const labelNames = words(
  "label labels labelname class classes classname classlabel category categories categoryname target tag tags",
);
/** Names of split columns. A column not named `split` must name a split in every row. */
const splitNames = words("split set subset partition");
const groupNames = words("group groupid");

const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]+/g, "");

/** Whether these cells are column names: one of them is a name for paths of images. */
export const isHeader = (cells: readonly Cell[]): boolean =>
  cells.some((cell) => typeof cell === "string" && pathNames.includes(plain(cell)));

/** The columns of a list without a header: path, label and, if every third cell names a split, split. */
export function columnsByPosition(rows: readonly Row[]): Columns | undefined {
  const width = rows[0]?.cells.length ?? 0;
  const isSplit = width === 3 && rows.every(({ cells }) => namesSplit(cells[2] ?? ""));
  if (width !== 2 && !isSplit) return undefined;
  const label = { kind: "column", at: 1 } as const;
  return { path: 0, label, split: isSplit ? 2 : undefined, group: undefined };
}

const namesSplit = (cell: Cell): boolean => typeof cell === "string" && typeof splitOfCell(cell) === "string";

/**
 * The columns by the names in a header.
 *
 * @param called the list's name in errors
 * @throws GraftError (`data`) that says what was found and what is expected
 */
export function columnsByName(names: readonly string[], rows: readonly Row[], called: string): Columns {
  const known = names.map(plain);
  const twice = names.find((name, at) => name !== "" && known.indexOf(known[at]!) !== at);
  if (twice !== undefined) throw dataError(`${called} has two columns named "${twice}": rename one of them.`);
  const first = (wanted: readonly string[]): number | undefined => {
    const name = wanted.find((one) => known.includes(one));
    return name === undefined ? undefined : known.indexOf(name);
  };
  const path = first(pathNames);
  if (path === undefined)
    throw dataError(
      `The first line of ${called} must name the columns, such as path,label: it has ${quoted(names)}, and none of them is path, file_name, filename or image.`,
    );
  const cellsOf = (at: number): Cell[] => rows.map(({ cells }) => cells[at] ?? "");
  const split = [first(splitNames)].find(
    (at) => at !== undefined && (known[at] === "split" || cellsOf(at).every(namesSplit)),
  );
  const group = first(groupNames);
  const shared = { path, split, group };
  const named = first(labelNames);
  if (named !== undefined) return { ...shared, label: { kind: "column", at: named } };
  const rest = names.flatMap((name, at) => (name === "" || [path, split, group].includes(at) ? [] : [at]));
  if (rest.length === 1) return { ...shared, label: { kind: "column", at: rest[0]! } };
  if (rest.length > 1 && rows.length > 0 && rest.every((at) => cellsOf(at).every(isFlag)))
    return { ...shared, label: { kind: "one-hot", at: rest } };
  throw dataError(
    rest.length === 0
      ? `${called} has no label column: it has ${quoted(names)}; add a column "label" with the class of each image.`
      : `${called} has no label column: it has ${quoted(names)}; name the one with the class "label".`,
  );
}

export const isSet = (cell: Cell): boolean => cell === "1" || cell === "1.0" || cell === "true";
const isFlag = (cell: Cell): boolean => isSet(cell) || cell === "0" || cell === "0.0" || cell === "false";

const quoted = (names: readonly string[]): string =>
  names.length === 0 ? "none" : names.map((name) => `"${name}"`).join(", ");

/** Separators of several labels in one cell. */
const separators = [",", ";", "|"] as const;

/**
 * The label of each row by position; undefined for a one-hot row without one.
 *
 * @throws GraftError (`data`) if a cell is empty or an image has several labels
 */
export function labelsOf(
  rows: readonly Row[],
  { label }: Columns,
  names: readonly string[],
  called: string,
): (string | undefined)[] {
  const several = (line: number, labels: readonly string[]): Error =>
    dataError(
      `Line ${line} of ${called} gives one image several labels (${labels.map((one) => `"${one}"`).join(", ")}): multi-label training is not supported yet, so keep one label an image.`,
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
      // "Paris, France" is one label; "daisy,white" is two if "daisy" is a label too.
      if (parts.length > 1 && parts.some((part) => known.has(part))) throw several(rows[at]!.line, parts);
    }
  }
  return labels;
}
