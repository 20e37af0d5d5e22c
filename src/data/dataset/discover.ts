/** What lies in a dataset: which pictures, which classes, which split. No picture is decoded here. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { codeOf, dataError } from "../../base/errors.ts";
import { checkedArgument, oneOf, text } from "../../base/options.ts";
import { inSentences, readFailure } from "../../base/system-errors.ts";
import { readManifest } from "./manifest.ts";
import { type Ignored, listFolder, picturesBelow } from "./walk.ts";

export type { Ignored } from "./walk.ts";

export type Split = "train" | "validation" | "test";

/** One picture with its class. */
export interface Example {
  readonly path: string;
  /** Position in the dataset's classes. */
  readonly label: number;
  /** The split that the dataset itself puts it in, if it has splits. */
  readonly split: Split | undefined;
  /** Examples with one `group` belong together (a recording, a patient, a burst): no split or fold separates them. */
  readonly group?: string | undefined;
}

/** What there is to learn from. */
export interface Dataset {
  readonly root: string;
  /** In alphabetical order. */
  readonly classes: readonly string[];
  readonly examples: readonly Example[];
  readonly layout: "class-folders" | "split-folders" | "manifest";
  readonly ignored: readonly Ignored[];
}

/** What a dataset is read for. */
export type Purpose = "learn" | "judge";

/** A picture as a layout names it, before classes have numbers. */
export interface Named {
  readonly path: string;
  readonly className: string;
  readonly split: Split | undefined;
}

/** Names of split folders, in lower case. */
const splitFolders: ReadonlyMap<string, Split> = new Map([
  ["train", "train"],
  ["val", "validation"],
  ["validation", "validation"],
  ["test", "test"],
]);
const splitOf = (folder: string): Split | undefined => splitFolders.get(folder.toLowerCase());

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Finds the pictures of a dataset: a folder with one sub-folder a class; `train/`, `val/` or `validation/` and
 * `test/` folders of such; or a `.csv`/`.jsonl` with `path,label[,split]`. Only a `train/` that has sub-folders makes
 * split folders of them: otherwise they are classes of these names.
 *
 * @param purpose learning takes two classes of two training pictures each; judging a trained model takes one picture
 * @throws GraftError (`data`) where there is too little for the purpose, with the remedy
 */
export const discoverDataset = async (path: string, purpose: Purpose = "learn"): Promise<Dataset> =>
  inSentences(() =>
    discover(
      checkedArgument(datasetPath, path, "The first argument of discoverDataset"),
      checkedArgument(purposes, purpose, "The second argument of discoverDataset"),
    ),
  );

const datasetPath = text("the path of a dataset");
const purposes = oneOf(["learn", "judge"] satisfies Purpose[]);

async function discover(path: string, purpose: Purpose): Promise<Dataset> {
  const root = resolve(path);
  const found = await stat(root).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") throw dataError(`There is no dataset ${path}: check the path.`, error);
    throw readFailure(`the dataset ${path}`, error);
  });
  if (found.isFile()) return number(root, path, "manifest", await readManifest(root, path), [], purpose);
  if (!found.isDirectory()) throw dataError(`${path} is neither a folder nor a file: give a folder of pictures.`);
  const ignored: Ignored[] = [];
  const { folders, files } = await listFolder(root, ignored);
  const trains = folders.filter((name) => splitOf(name) === "train");
  const inTrain = await Promise.all(trains.map((name) => listFolder(join(root, name), [])));
  const isSplit = inTrain.some((listing) => listing.folders.length > 0);
  const named: Named[] = [];
  if (isSplit) {
    for (const folder of folders) {
      const split = splitOf(folder);
      if (split) named.push(...(await classFolders(join(root, folder), root, split, ignored)));
      else
        ignored.push({ path: join(root, folder), reason: "beside train/, only val/, validation/ and test/ are read" });
    }
    for (const name of files) ignored.push({ path: join(root, name), reason: BESIDE });
  } else named.push(...(await classFolders(root, root, undefined, ignored)));
  if (named.length === 0) throw emptyError(path, folders, files);
  return number(root, path, isSplit ? "split-folders" : "class-folders", named, ignored, purpose);
}

const BESIDE = "beside the class folders, not in one of them";

/** The dataset with the pictures of another folder as its test split. Its own test pictures, if any, are left out. */
export async function withTestFolder(dataset: Dataset, path: string): Promise<Dataset> {
  const ignored: Ignored[] = [];
  const root = resolve(path);
  await stat(root).catch((error: unknown) => {
    throw dataError(`There is no test folder ${path}: check the path.`, error);
  });
  const named = await classFolders(root, root, "test", ignored);
  if (named.length === 0) throw dataError(`The test folder ${path} holds no class folders with pictures.`);
  const own = dataset.examples.filter(({ split }) => split !== "test");
  const labels = new Map(dataset.classes.map((name, label) => [name, label]));
  const test = named.map(({ path: file, className }): Example => {
    const label = labels.get(className);
    if (label === undefined) throw unknownClass(className, "the test folder");
    return { path: file, label, split: "test" };
  });
  return { ...dataset, examples: [...own, ...test], ignored: [...dataset.ignored, ...ignored] };
}

const unknownClass = (name: string, where: string): Error =>
  dataError(
    `${where[0]!.toUpperCase()}${where.slice(1)} has a class "${name}" that the training pictures lack: add it there, or remove it.`,
  );

/** Gives the classes their numbers, having checked that there is enough for the purpose. */
function number(
  root: string,
  path: string,
  layout: Dataset["layout"],
  named: readonly Named[],
  ignored: Ignored[],
  purpose: Purpose,
): Dataset {
  const learnable = named.filter(({ split }) => split === undefined || split === "train");
  if (purpose === "learn") checkLearnable(path, layout, learnable);
  const known = purpose === "learn" ? learnable : named;
  const classes = [...new Set(known.map(({ className }) => className))].sort(byName);
  const labels = new Map(classes.map((name, label) => [name, label]));
  const examples = named.map(({ path: file, className, split }): Example => {
    const label = labels.get(className);
    if (label === undefined) throw unknownClass(className, `the ${split} part of ${path}`);
    return { path: file, label, split };
  });
  return { root, classes, examples, layout, ignored };
}

function checkLearnable(path: string, layout: Dataset["layout"], learnable: readonly Named[]): void {
  const classes = [...new Set(learnable.map(({ className }) => className))].sort(byName);
  const remedy =
    layout === "manifest"
      ? "list pictures of at least two classes"
      : "put pictures of at least two classes into one sub-folder each";
  if (classes.length === 0) throw dataError(`${path} has no training pictures: ${remedy}.`);
  if (classes.length === 1) throw dataError(`${path} has only one class, "${classes[0]}": ${remedy}.`);
  const counts = new Map<string, number>();
  for (const { className } of learnable) counts.set(className, (counts.get(className) ?? 0) + 1);
  for (const name of classes) {
    if (counts.get(name) === 1)
      throw dataError(`The class "${name}" has only one training image: add at least one more.`);
  }
}

async function classFolders(
  folder: string,
  root: string,
  split: Split | undefined,
  ignored: Ignored[],
): Promise<Named[]> {
  const named: Named[] = [];
  const { folders, files } = await listFolder(folder, ignored);
  for (const name of files) ignored.push({ path: join(folder, name), reason: BESIDE });
  for (const name of folders) {
    const pictures = await picturesBelow(join(folder, name), root, ignored);
    if (pictures.length === 0) ignored.push({ path: join(folder, name), reason: "a class folder without pictures" });
    // File systems differ in how they spell accents; the class is the same.
    const className = name.normalize("NFC");
    for (const path of pictures) named.push({ path, className, split });
  }
  return named;
}

function emptyError(path: string, folders: readonly string[], files: readonly string[]): Error {
  if (folders.length > 0)
    return dataError(`The sub-folders of ${path} hold no pictures: put pictures of each class into its sub-folder.`);
  if (files.length > 0)
    return dataError(
      `${path} holds files but no class folders: put the pictures of each class into a sub-folder of its own.`,
    );
  return dataError(`${path} is empty: put one sub-folder a class into it, with pictures in each.`);
}
