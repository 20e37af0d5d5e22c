/** Folders of classes: every folder in a folder is a class, with the images at any depth below it. */

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
 * The class folders of a folder, those without images too. Files beside them are noted.
 *
 * @param split the part that the folder is; undefined where it is the whole dataset
 * @param only names that are read; the others were taken for something else
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

/** `cats/train`, `cats/test`: the parts of one class, where all its sub-folders are called so; other images train. */
async function innerSplits(survey: Survey, path: string): Promise<(image: string) => Split | undefined> {
  const inner: string[] = [];
  for (const name of (await survey.list(path)).folders)
    if (await survey.holdsImages(joined(path, name))) inner.push(name);
  if (inner.length === 0 || !inner.every((name) => splitOfName(name) !== undefined)) return () => undefined;
  return (image) => splitOfName(image.slice(path.length + 1).split("/")[0]!) ?? "train";
}

// The layout of a folder whose labels come from lists in it: splits by folder names, and notes on images that no list names.

/** The layout from lists; undefined without lists. */
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

/** Notes, folder by folder, how many images no list names. */
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

/** The folder of `at` that a path below it is in; nothing for a file in `at` itself. */
function topOf(at: string, path: string): string | undefined {
  const [top, ...rest] = path.slice(at === "" ? 0 : at.length + 1).split("/");
  return rest.length > 0 ? top : undefined;
}

// `train/`, `val/`, `test/` with class folders or lists in them; or class folders with a `val/` or `test/` of the same classes beside them.

/** What a folder holds, as far as layouts go. */
export interface Level {
  readonly at: string;
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Folders with images that are named like parts. */
  readonly parts: readonly Part[];
  /** Other folders with images. */
  readonly groups: readonly string[];
}

/** A folder with images that is named like a part. */
export interface Part {
  readonly name: string;
  readonly path: string;
  readonly split: Split;
  /** Sub-folders with images. */
  readonly classes: readonly string[];
  readonly lists: readonly FoundList[];
  /** Whether it says which image shows what. */
  readonly isSorted: boolean;
}

/** The part that a folder with images is, if its name says so. */
export async function partOf(survey: Survey, at: string, name: string): Promise<Part | undefined> {
  const split = splitOfName(name);
  if (split === undefined) return undefined;
  const path = joined(at, name);
  const { folders, files } = await survey.list(path);
  const classes = await withImages(survey, path, folders);
  const lists = listsAmong(path, files, split);
  // train/images is no class, unless it holds classes.
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
    // New images go to the first.
    shelves: shelves.sort((a, b) => Number(b.split === "train") - Number(a.split === "train")),
    classFolders: found,
    notes,
    wrapper: undefined,
    obstacle: undefined,
  };
}

export const unlabelledReason = (name: string): string =>
  `named like a part of the dataset, but nothing says which image shows what: rename it if "${name}" is a class`;

/** Folders that are named like parts and hold nothing: no parts, and no classes either. */
export function noteEmptyParts(survey: Survey, { at, folders, parts }: Level): void {
  for (const name of folders)
    if (splitOfName(name) !== undefined && !parts.some((part) => part.name === name))
      survey.ignore(joined(at, name), "empty", "named like a part of the dataset, and without images");
}

/** What is beside `train/` and no part. */
function noteOthers(survey: Survey, { at, folders, files, parts }: Level): void {
  const reason = parts.some(({ split }) => split === "train")
    ? "beside train/, only val/, valid/, validation/, test/ and testing/ are read"
    : "beside test/ and without images";
  for (const name of folders) if (splitOfName(name) === undefined) survey.ignore(joined(at, name), "beside", reason);
  for (const name of files) survey.ignore(joined(at, name), "beside", "beside the class folders, not in one of them");
}

/** `training_set/training_set/cats`: the folder that holds the classes, where it is the only one in a part. */
async function insideWrapper(survey: Survey, { path, classes }: Part, known: ReadonlySet<string>): Promise<string> {
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
