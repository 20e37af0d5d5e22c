/** Reads lists of images, one or all in a folder, as examples: where each file is, its label, split and group. Decodes no image. */
import { dataError, GraftError, messageOf } from "../../../base/errors.ts";
import { fileKindOf, type Named, type Split, splitOfCell, splitOfName } from "../dataset-names.ts";
import { baseOf, type Ignored, joined, parentOf } from "../file-tree.ts";
import type { Survey } from "../survey.ts";
import { type Columns, columnsByName, columnsByPosition, isHeader, labelsOf } from "./list-columns.ts";
import { type Cell, type Row, readTable } from "./list-table.ts";
import { createLocator, type Locate } from "./locate.ts";

/** The longest list that is read: 256 MiB. */
const MAX_LIST_BYTES = 256 * 2 ** 20;

export interface ListReading {
  readonly named: readonly Named[];
  /** Rows that cannot be used, with paths in the tree. */
  readonly unused: readonly Ignored[];
  readonly notes: readonly string[];
}

/**
 * Reads a list. Paths in it are relative to it, or absolute.
 *
 * @param path the path of the list in the tree
 * @param split the split of rows that name none
 * @throws GraftError (`data`) if it cannot be read without guessing, or none of its files exist
 */
export async function readList(survey: Survey, path: string, split?: Split): Promise<ListReading> {
  const { tree } = survey;
  const called = tree.nameOf(path);
  const table = readTable(await tree.read(path, MAX_LIST_BYTES), called);
  const folder = parentOf(path);
  const locate = createLocator(survey, folder);
  const { names, columns, rows } = await headed(table.columns, table.rows, locate, called);
  if (rows.length === 0)
    throw dataError(`${called} lists no images: it must have lines such as path,label[,split][,group].`);
  checkWidths(rows, names, called);
  const textIn = (row: Row, at: number | undefined): string => {
    const cell = at === undefined ? "" : (row.cells[at] ?? "");
    return typeof cell === "string" ? cell : (cell[0] ?? "");
  };
  for (const row of rows)
    if (textIn(row, columns.path) === "") throw dataError(`Line ${row.line} of ${called} lacks a path.`);
  const labels = labelsOf(rows, columns, names, called);
  const named: Named[] = [];
  const unused: Ignored[] = [];
  const seen = new Map<string, { line: number; label: string | undefined }>();
  const lost: Row[] = [];
  for (const [index, row] of rows.entries()) {
    const text = textIn(row, columns.path);
    const said = splitOfCell(textIn(row, columns.split));
    if (said === null)
      throw dataError(
        `Line ${row.line} of ${called} has the split "${textIn(row, columns.split)}": use train, validation or test.`,
      );
    const own = said ?? split;
    const found = await locate(text, own);
    if (found.kind === "several") {
      const [one, other] = found.paths.map(tree.nameOf);
      throw dataError(
        `Line ${row.line} of ${called} names "${text}", which may be ${one} or ${other}: write its folder and ending.`,
      );
    }
    if (found.kind === "missing") {
      lost.push(row);
      unused.push({
        path: tree.inside(folder, text) ?? text,
        kind: "missing",
        reason: `line ${row.line} of ${called} names it, but there is no such file`,
      });
      continue;
    }
    const label = labels[index];
    const before = seen.get(found.path);
    if (before) throw twice(row.line, text, label, before, called);
    seen.set(found.path, { line: row.line, label });
    if (label === undefined)
      unused.push({
        path: found.path,
        kind: "unlabelled",
        reason: `line ${row.line} of ${called} gives it no label`,
      });
    else named.push({ path: found.path, className: label, split: own, group: textIn(row, columns.group) || undefined });
  }
  if (lost.length === rows.length) throw noneThere(textIn(rows[0]!, columns.path), rows, tree.nameOf(folder), called);
  return { named, unused, notes: table.notes };
}

interface Headed {
  readonly names: readonly string[];
  readonly columns: Columns;
  readonly rows: readonly Row[];
}

/** Interprets the first row: as a header, or as a row like the others if it names an existing file. */
async function headed(
  given: readonly string[] | undefined,
  all: readonly Row[],
  locate: Locate,
  called: string,
): Promise<Headed> {
  if (given) {
    if (all.length === 0) return { names: [], columns: noColumns, rows: [] };
    return { names: given, columns: columnsByName(given, all, called), rows: all };
  }
  const [first, ...rest] = all;
  const cells = first?.cells ?? [];
  if (first && !isHeader(cells)) {
    const columns = columnsByPosition(all);
    if (columns && (await locate(textOf(cells[0]), undefined)).kind === "found")
      return { names: cells.map(textOf), columns, rows: all };
  }
  const names = cells.map(textOf);
  return { names, columns: columnsByName(names, rest, called), rows: rest };
}

const noColumns: Columns = {
  path: 0,
  label: { kind: "column", at: 1 },
  split: undefined,
  group: undefined,
};
const textOf = (cell: Cell | undefined): string => (typeof cell === "string" ? cell : (cell?.[0] ?? ""));

/** Throws if a row has more cells than the header: a name contains the delimiter, which shifts the cells after it. */
function checkWidths(rows: readonly Row[], names: readonly string[], called: string): void {
  for (const { line, cells } of rows) {
    const surplus = cells.slice(names.length).find((cell) => cell !== "");
    if (surplus !== undefined)
      throw dataError(
        `Line ${line} of ${called} has ${cells.length} cells, but the header names ${names.length} columns: put names with a delimiter in them into quotes.`,
      );
  }
}

/** The error for an image that is listed twice: it would count twice in training, or be in both training and test. */
function twice(
  line: number,
  text: string,
  label: string | undefined,
  before: { readonly line: number; readonly label: string | undefined },
  called: string,
): Error {
  if (label !== undefined && before.label !== undefined && label !== before.label)
    return dataError(
      `Line ${line} of ${called} gives the image ${text} the label "${label}", line ${before.line} "${before.label}": multi-label training is not supported yet, so keep one of them.`,
    );
  return dataError(`Line ${line} of ${called} repeats the image ${text} of line ${before.line}: keep one of them.`);
}

function noneThere(first: string, rows: readonly Row[], folder: string, called: string): Error {
  const count = rows.length === 1 ? "The image" : `None of the ${rows.length} images`;
  const verb = rows.length === 1 ? "is not there" : "is there";
  if (/^https?:\/\//i.test(first))
    return dataError(`${called} lists web addresses, such as ${first}: download the images first.`);
  return dataError(
    `${count} that ${called} lists ${verb}: the first, "${first}", is not in ${folder} or below. Paths are relative to the list.`,
  );
}

// All lists of a folder.

/** A list, and the split that its folder holds. */
export interface FoundList {
  readonly path: string;
  readonly split: Split | undefined;
}

/** List names that belong to a format: Hugging Face's image folders, Roboflow's exports. They take precedence over class folders. */
const formats = /^(metadata\.(csv|jsonl)|_classes\.csv)$/i;

export const isFormatList = (path: string): boolean => formats.test(baseOf(path));

/** The lists among files, in order. */
export const listsAmong = (folder: string, files: readonly string[], split?: Split): FoundList[] =>
  files.filter((name) => fileKindOf(name) === "list").map((name) => ({ path: joined(folder, name), split }));

export interface ListsReading {
  readonly named: readonly Named[];
  readonly notes: readonly string[];
  /** Paths that lists name but that cannot be used. */
  readonly unused: readonly string[];
}

/** Reads lists that together describe one dataset. Returns the first error if no list is usable, and undefined without lists. */
export async function readLists(
  survey: Survey,
  lists: readonly FoundList[],
): Promise<ListsReading | GraftError | undefined> {
  const { tree } = survey;
  const read: { path: string; reading: ListReading }[] = [];
  let failure: GraftError | undefined;
  for (const { path, split } of lists) {
    if (/submission/i.test(baseOf(path))) {
      survey.ignore(path, "list", "a sample submission: its labels are placeholders");
      continue;
    }
    try {
      read.push({ path, reading: await readList(survey, path, splitOfName(stemOf(path)) ?? split) });
    } catch (error) {
      if (!(error instanceof GraftError && error.kind === "data")) throw error;
      failure ??= error;
      survey.ignore(path, "list", messageOf(error).replace(/\.$/, ""));
    }
  }
  if (read.length === 0) return failure;
  const owner = new Map<string, string>();
  for (const { path, reading } of read) {
    for (const { path: image } of reading.named) {
      const other = owner.get(image);
      if (other !== undefined)
        throw dataError(
          `Both ${tree.nameOf(other)} and ${tree.nameOf(path)} list ${tree.nameOf(image)}: give the list that is right as the dataset.`,
        );
      owner.set(image, path);
    }
    for (const { path: unused, kind, reason } of reading.unused) survey.ignore(unused, kind, reason);
  }
  return {
    named: read.flatMap(({ reading }) => reading.named),
    notes: [
      `Labels come from ${read.map(({ path }) => tree.nameOf(path)).join(", ")}.`,
      ...read.flatMap(({ reading }) => reading.notes),
    ],
    unused: read.flatMap(({ reading }) => reading.unused.map(({ path }) => path)),
  };
}

const stemOf = (path: string): string => baseOf(path).replace(/\.[^.]+$/, "");
