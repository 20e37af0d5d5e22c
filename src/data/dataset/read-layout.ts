/**
 * Reads the layout of a tree: which image belongs to which class and split. Uses only names and places, so that a folder, an archive and
 * an upload to the studio are read alike. Decodes nothing and checks no counts.
 */
import type { GraftError } from "../../base/errors.ts";
import { isGenericName, type Layout, splitOfName } from "./dataset-names.ts";
import { joined, NAMELESS_ROOT } from "./file-tree.ts";
import {
  classFolders,
  type Level,
  listLayout,
  noteEmptyParts,
  partOf,
  type SplitFolder,
  splitLayout,
  unlabelledReason,
} from "./layout-kinds.ts";
import { isFormatList, listsAmong, readLists } from "./lists/read-list.ts";
import type { Survey } from "./survey.ts";

export type { Layout, Shelf } from "./dataset-names.ts";

/**
 * Reads the layout of a tree.
 *
 * @param known known classes: a single folder with such a name is a class, not a wrapper
 * @throws GraftError (`data`) if only a list could give the labels and it cannot be read
 */
export async function readLayout(survey: Survey, known: readonly string[] = []): Promise<Layout> {
  return readAt(survey, "", new Set(known.map((name) => name.normalize("NFC"))));
}

async function readAt(survey: Survey, at: string, known: ReadonlySet<string>): Promise<Layout> {
  const level = await levelOf(survey, at);
  const { parts, groups, files } = level;
  const own = listsAmong(at, files);
  const formatted = await listLayout(
    survey,
    at,
    await readLists(
      survey,
      own.filter(({ path }) => isFormatList(path)),
    ),
  );
  if (formatted) return formatted;
  if (parts.some(({ isSorted }) => isSorted)) return splitLayout(survey, level, known);
  const others = own.filter(({ path }) => !isFormatList(path));
  // Class folders take precedence over lists, unless their names are generic.
  const areGroupsClasses = groups.length > 1 && !groups.every(isGenericName);
  if (areGroupsClasses) for (const { path } of others) survey.ignore(path, "list", LIST_BESIDE);
  const lists = areGroupsClasses ? [] : [...others, ...parts.flatMap((part) => part.lists)];
  const read = await readLists(survey, lists);
  const listed = await listLayout(survey, at, read);
  if (listed) return listed;
  if (groups.length === 0 && isFailure(read)) throw read;
  return foldersAlone(survey, level, known);
}

const LIST_BESIDE = "a list beside class folders: give it as the dataset to use its labels";

const isFailure = (read: Awaited<ReturnType<typeof readLists>>): read is GraftError => read instanceof Error;

async function levelOf(survey: Survey, at: string): Promise<Level> {
  const { folders, files } = await survey.list(at);
  const parts: SplitFolder[] = [];
  const groups: string[] = [];
  for (const name of folders) {
    if (!(await survey.holdsImages(joined(at, name)))) continue;
    const part = await partOf(survey, at, name);
    if (part) parts.push(part);
    else groups.push(name);
  }
  return { at, folders, files, parts, groups };
}

/** The layout of a folder without usable lists and without parts that hold classes. */
async function foldersAlone(survey: Survey, level: Level, known: ReadonlySet<string>): Promise<Layout> {
  const { at, folders, parts, groups } = level;
  const only = groups[0];
  if (only !== undefined && folders.length === 1 && !known.has(only.normalize("NFC"))) {
    const inner = await layoutInside(survey, joined(at, only), known);
    if (inner) {
      for (const name of level.files) survey.ignore(joined(at, name), "beside", BESIDE_WRAPPER);
      return inner;
    }
  }
  // A class may be called train, but train/ and test/ together are not two classes.
  const areUnsorted = parts.length > 0 && (groups.length === 0 || new Set(parts.map(({ split }) => split)).size > 1);
  const unlabelled = areUnsorted ? [] : parts.filter(({ split }) => split !== "train");
  for (const { path, name } of unlabelled) survey.ignore(path, "unlabelled", unlabelledReason(name));
  noteEmptyParts(survey, level);
  const isClass = (name: string): boolean =>
    splitOfName(name) === undefined || parts.some((part) => part.name === name && !unlabelled.includes(part));
  const classNames = folders.filter(isClass);
  const found = await classFolders(survey, at, undefined, classNames);
  const named = found.flatMap(({ images }) => images);
  return {
    kind: "class-folders",
    named,
    shelves: [{ folder: at, split: undefined }],
    classFolders: found,
    notes: [],
    wrapper: undefined,
    obstacle: areUnsorted ? unsortedSentence(survey.tree.nameOf(at), parts) : undefined,
  };
}

const BESIDE_WRAPPER = "beside the folder that holds the classes";

/** The layout inside the only folder, if that is not a class itself: class folders, or images with a list. */
async function layoutInside(survey: Survey, inner: string, known: ReadonlySet<string>): Promise<Layout | undefined> {
  const { files } = await survey.list(inner);
  const called = survey.tree.nameOf(inner);
  for (const name of files) {
    if (!(await survey.mayBeImage(joined(inner, name)))) continue;
    return listLayout(survey, inner, await readLists(survey, listsAmong(inner, files)));
  }
  const layout = await readAt(survey, inner, known);
  const note = `${called} is the only folder, so its content was read as the dataset.`;
  return { ...layout, notes: [note, ...layout.notes], wrapper: layout.wrapper ?? inner };
}

function unsortedSentence(called: string, parts: readonly SplitFolder[]): string {
  const names = parts.map(({ name }) => `${name}/`);
  const [first] = names;
  return `${called === NAMELESS_ROOT ? "This folder" : called} has ${names.join(" and ")} with images but no class folders in ${names.length === 1 ? "it" : "them"}, so nothing says which image shows what: put the images of each class into a folder of its own (${first}cats, ${first}dogs), or add a list such as train.csv with path,label.`;
}
