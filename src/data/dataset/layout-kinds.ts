/**
 * The kinds of layouts: folders of classes, folders with lists, and `train/`, `val/`, `test/` of either. read-layout.ts decides which
 * kind a folder has.
 */

import type { GraftError } from "../../base/errors.ts";
import {
  type ClassFolder,
  isGenericName,
  type Layout,
  type Named,
  type Shelf,
  type Split,
  splitOfName,
} from "./dataset-names.ts";
import { joined } from "./file-tree.ts";
import { type FoundList, isFormatList, type ListsReading, listsAmong, readLists } from "./lists/read-list.ts";
import type { Survey } from "./survey.ts";

export const BESIDE = "beside the class folders, not in one of them";

/**
 * The class folders of a folder, with all images below each, including folders without images. Notes files beside them.
 *
 * @param split the split that the folder holds; undefined if it is the whole dataset
 * @param only the names to read, if others have another meaning
 */
export async function classFolders(
  survey: Survey,
  folder: string,
  split: Split | undefined,
  only?: readonly string[],
): Promise<ClassFolder[]> {
  const { folders, files } = await survey.list(folder);
  for (const name of files) survey.ignore(joined(folder, name), "beside", BESIDE);
  const found: ClassFolder[] = [];
  for (const name of only ?? folders) found.push(await classFolder(survey, joined(folder, name), name, split));
  return found;
}

async function classFolder(
  survey: Survey,
  path: string,
  folderName: string,
  split: Split | undefined,
): Promise<ClassFolder> {
  const name = folderName.normalize("NFC");
  const splitOf = split === undefined ? await innerSplits(survey, path) : () => split;
  const images = (await survey.imagesBelow(path)).map(
    (image): Named => ({ path: image, className: name, split: splitOf(image), group: undefined }),
  );
  if (images.length === 0 && (await survey.isReadable(path)))
    survey.ignore(path, "empty", "a class folder without images");
  return { path, name, images };
}

/** The splits of one class (`cats/train`, `cats/test`), if all its sub-folders are named like splits; its other images are for training. */
async function innerSplits(survey: Survey, path: string): Promise<(image: string) => Split | undefined> {
  const inner: string[] = [];
  for (const name of (await survey.list(path)).folders)
    if (await survey.holdsImages(joined(path, name))) inner.push(name);
  if (inner.length === 0 || !inner.every((name) => splitOfName(name) !== undefined)) return () => undefined;
  return (image) => splitOfName(image.slice(path.length + 1).split("/")[0]!) ?? "train";
}

// Folders with lists: labels come from the lists, and splits from them or from folder names.

/** The layout that lists give; undefined without usable lists. */
export async function listLayout(
  survey: Survey,
  at: string,
  read: ListsReading | GraftError | undefined,
): Promise<Layout | undefined> {
  if (read === undefined || read instanceof Error) return undefined;
  const named = read.named.map((one) => ({ ...one, split: one.split ?? splitOfName(topOf(at, one.path) ?? "") }));
  await noteUnlisted(survey, at, new Set([...read.named.map(({ path }) => path), ...read.unused]));
  return {
    kind: "manifest",
    named,
    shelves: [],
    classFolders: [],
    notes: read.notes,
    wrapper: undefined,
    obstacle: undefined,
  };
}

/** Notes for each folder how many images no list names. */
export async function noteUnlisted(survey: Survey, at: string, listed: ReadonlySet<string>): Promise<void> {
  const counts = new Map<string, number>();
  for (const path of await survey.searchBelow(at)) {
    const folder = joined(at, topOf(at, path) ?? "");
    if (!listed.has(path)) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  for (const [folder, count] of counts)
    survey.ignore(
      folder.replace(/\/$/, ""),
      "unlabelled",
      `${count} image${count === 1 ? "" : "s"} that no list names, so without a label`,
    );
}

/** The folder in `at` that contains a path; undefined for a file in `at` itself. */
function topOf(at: string, path: string): string | undefined {
  const [top, ...rest] = path.slice(at === "" ? 0 : at.length + 1).split("/");
  return rest.length > 0 ? top : undefined;
}

// Split folders: `train/`, `val/`, `test/` with class folders or lists in them, or class folders beside a `val/` or `test/` of the same classes.

/** What a folder holds, as far as it matters for the layout. */
export interface Level {
  readonly at: string;
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Folders with images that are named like splits. */
  readonly parts: readonly SplitFolder[];
  /** Other folders with images. */
  readonly groups: readonly string[];
}

/** A folder with images that is named like a split. */
export interface SplitFolder {
  readonly name: string;
  readonly path: string;
  readonly split: Split;
  /** Sub-folders with images. */
  readonly classes: readonly string[];
  readonly lists: readonly FoundList[];
  /** Whether class folders or a list label its images. */
  readonly isSorted: boolean;
}

/** Reads a folder with images as a part; undefined if it is not named like a split. */
export async function partOf(survey: Survey, at: string, name: string): Promise<SplitFolder | undefined> {
  const split = splitOfName(name);
  if (split === undefined) return undefined;
  const path = joined(at, name);
  const { folders, files } = await survey.list(path);
  const classes = await withImages(survey, path, folders);
  const lists = listsAmong(path, files, split);
  // train/images is not a class, unless it holds classes.
  const [only] = classes;
  const isUnsorted = classes.length === 1 && isGenericName(only!) && !(await holdsFolders(survey, joined(path, only!)));
  const isSorted = (classes.length > 0 && !isUnsorted) || lists.some((list) => isFormatList(list.path));
  return { name, path, split, classes, lists, isSorted };
}

/** The layout of a folder with at least one part that is sorted. */
export async function splitLayout(survey: Survey, level: Level, known: ReadonlySet<string>): Promise<Layout> {
  const { at, folders, parts, groups } = level;
  const trains = parts.filter(({ split, isSorted }) => split === "train" && isSorted);
  const areGroupsTrain = trains.length === 0 && groups.length > 0;
  const classesKnown = new Set([...known, ...trains.flatMap(({ classes }) => classes)]);
  const found: ClassFolder[] = [];
  const shelves: Shelf[] = [];
  const listed: Named[] = [];
  const notes: string[] = [];
  const shelve = async (folder: string, split: Split, only?: readonly string[]): Promise<void> => {
    shelves.push({ folder, split });
    found.push(...(await classFolders(survey, folder, split, only)));
  };
  if (areGroupsTrain) {
    const isClass = (name: string): boolean => splitOfName(name) === undefined;
    await shelve(at, "train", folders.filter(isClass));
  } else noteOthers(survey, level);
  noteEmptyParts(survey, level);
  for (const part of parts) {
    const lists = part.classes.length === 0 ? part.lists : part.lists.filter(({ path }) => isFormatList(path));
    const read = await readLists(survey, lists);
    if (read instanceof Error && part.classes.length === 0) throw read;
    if (read !== undefined && !(read instanceof Error)) {
      listed.push(...read.named);
      notes.push(...read.notes);
      await noteUnlisted(survey, part.path, new Set([...read.named.map(({ path }) => path), ...read.unused]));
    } else if (part.isSorted) {
      const names = part.split === "train" ? known : classesKnown;
      await shelve(await insideWrapper(survey, part, names), part.split);
    } else survey.ignore(part.path, "unlabelled", unlabelledReason(part.name));
  }
  return {
    kind: listed.length > 0 ? "manifest" : "split-folders",
    named: [...found.flatMap(({ images }) => images), ...listed],
    // New images are added to the first.
    shelves: shelves.sort((a, b) => Number(b.split === "train") - Number(a.split === "train")),
    classFolders: found,
    notes,
    wrapper: undefined,
    obstacle: undefined,
  };
}

export const unlabelledReason = (name: string): string =>
  `named like a part of the dataset, but nothing says which image shows what: rename it if "${name}" is a class`;

/** Notes folders without images that are named like splits: they are neither parts nor classes. */
export function noteEmptyParts(survey: Survey, { at, folders, parts }: Level): void {
  for (const name of folders)
    if (splitOfName(name) !== undefined && !parts.some((part) => part.name === name))
      survey.ignore(joined(at, name), "empty", "named like a part of the dataset, and without images");
}

/** Notes what is beside the parts. */
function noteOthers(survey: Survey, { at, folders, files, parts }: Level): void {
  const reason = parts.some(({ split }) => split === "train")
    ? "beside train/, only val/, valid/, validation/, test/ and testing/ are read"
    : "beside test/ and without images";
  for (const name of folders) if (splitOfName(name) === undefined) survey.ignore(joined(at, name), "beside", reason);
  for (const name of files) survey.ignore(joined(at, name), "beside", BESIDE);
}

/** The folder that holds a part's classes: the inner one of `training_set/training_set/cats`, or the part itself. */
async function insideWrapper(
  survey: Survey,
  { path, classes }: SplitFolder,
  known: ReadonlySet<string>,
): Promise<string> {
  const [only] = classes;
  if (only === undefined || classes.length > 1 || known.has(only.normalize("NFC"))) return path;
  const inner = joined(path, only);
  const { files } = await survey.list(inner);
  for (const name of files) if (await survey.mayBeImage(joined(inner, name))) return path;
  return (await holdsFolders(survey, inner)) ? inner : path;
}

const holdsFolders = async (survey: Survey, folder: string): Promise<boolean> =>
  (await withImages(survey, folder, (await survey.list(folder)).folders)).length > 0;

/** The folders among these that hold images. */
async function withImages(survey: Survey, at: string, folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of folders) if (await survey.holdsImages(joined(at, name))) found.push(name);
  return found;
}
