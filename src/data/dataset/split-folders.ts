/** `train/`, `val/`, `test/` with class folders or lists in them; or class folders with a `val/` or `test/` of the same classes beside them. */
import { classFolders } from "./class-folders.ts";
import { noteUnlisted } from "./list-layout.ts";
import { type FoundList, isFormatList, listsAmong, readLists } from "./lists/found-lists.ts";
import type { ClassFolder, Layout, Named, Shelf } from "./named.ts";
import { isGenericName, type Split, splitOfName } from "./split-names.ts";
import type { Survey } from "./survey.ts";
import { joined } from "./tree.ts";

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
