/**
 * Where a project's files are: the dataset that `graft train` reads, and beside it the studio's own hidden folder. Nothing is
 * cached: the disk is the only truth.
 */

import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { codeOf, dataError, isDataError, messageOf } from "../../base/errors.ts";
import { systemReason } from "../../base/system-errors.ts";
import { named } from "../../base/text.ts";
import { type Split, splitOfName } from "../../data/dataset/dataset-names.ts";
import { diskTree } from "../../data/dataset/disk-tree.ts";
import { baseOf, byName, type Ignored, joined, parentOf } from "../../data/dataset/file-tree.ts";
import { readLayout, type Shelf } from "../../data/dataset/read-layout.ts";
import { createSurvey } from "../../data/dataset/survey.ts";
import { isPart } from "./names.ts";

/** The studio's own folder in a project; datasets skip hidden folders. */
export const OWN = ".graft";

/** The paths of a project. */
export interface Paths {
  readonly root: string;
  /** Files that are being received; emptied at the start. */
  readonly incoming: string;
  /** Removed files, a folder for each change. */
  readonly trash: string;
  readonly thumbnails: string;
  readonly runs: string;
  readonly journal: string;
  /** The last comparison of networks. */
  readonly advice: string;
  readonly lock: string;
}

export function pathsOf(root: string): Paths {
  const own = join(root, OWN);
  return {
    root,
    incoming: join(own, "incoming"),
    trash: join(own, "trash"),
    thumbnails: join(own, "thumbnails"),
    runs: join(own, "runs"),
    journal: join(own, "journal.jsonl"),
    advice: join(own, "recommendation.json"),
    lock: join(own, "lock"),
  };
}

/** A class with the ids of its images, by whether they are training images. */
export interface ClassListing {
  readonly name: string;
  readonly pictures: readonly string[];
  /** Of its validation and test folders. */
  readonly apart: readonly string[];
}

/** The content of a project. */
export interface Listing {
  /** Folders of class folders, relative to the project's; new images go to the first one. */
  readonly shelves: readonly Shelf[];
  readonly classes: readonly ClassListing[];
  readonly ignored: readonly Ignored[];
  /** Why its layout allows no training, whatever it contains. */
  readonly obstacle: string | undefined;
}

/** Reads the project as `graft train` does. */
export async function listProject(root: string): Promise<Listing> {
  const survey = createSurvey(diskTree(root, { called: "" }));
  const { kind, shelves, classFolders, obstacle } = await readLayout(survey).catch((error: unknown) => {
    // A manifest that cannot be read is no reason to hide the project.
    if (!isDataError(error)) throw error;
    return { kind: "manifest", shelves: [], classFolders: [], obstacle: messageOf(error) } as const;
  });
  const found = new Map<string, { pictures: string[]; apart: string[] }>();
  for (const { name, images } of classFolders) {
    const listing = found.get(name) ?? { pictures: [], apart: [] };
    for (const { path, split } of images) listing[isApart(split) ? "apart" : "pictures"].push(path);
    found.set(name, listing);
  }
  const classes = [...found].map(([name, listing]) => ({ name, ...listing }));
  const hasHome = shelves.some(({ split }) => !isApart(split));
  return {
    shelves: hasHome ? shelves : [{ folder: "", split: undefined }, ...shelves],
    classes: classes.sort((a, b) => byName(a.name, b.name)),
    ignored: survey.ignored.filter(({ path }) => path !== OWN),
    obstacle: obstacle ?? (kind === "manifest" ? BY_LIST : undefined),
  };
}

const BY_LIST =
  "The labels of this folder come from a list, which the studio cannot edit. Train on it with `graft train`, or sort its images into one folder per class.";

const isApart = (split: Split | undefined): boolean => split === "validation" || split === "test";

/** Why `graft train` would refuse the project, with the remedy in the studio. */
export function obstacleOf(classes: readonly ClassListing[]): string | null {
  const filled = classes.filter(({ pictures }) => pictures.length > 0);
  if (filled.length < 2) {
    const has = filled.length === 0 ? "no class has images yet" : `only “${filled[0]!.name}” has images`;
    return `Training needs two classes with images, but ${has}.`;
  }
  const tested = classes.find(({ pictures, apart }) => pictures.length === 0 && apart.length > 0);
  if (tested) return `“${tested.name}” has test images, but no training images. Add some, or remove the class.`;
  const poor = filled.find(({ pictures }) => pictures.length < 2);
  return poor ? `“${poor.name}” has only one image. Add at least one more.` : null;
}

/** Names of the folders in a folder, including links to folders. */
export async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    const isFolder = entry.isSymbolicLink()
      ? (await stat(join(folder, entry.name)).catch(() => undefined))?.isDirectory()
      : entry.isDirectory();
    if (isFolder) found.push(entry.name);
  }
  return found;
}

/** The folder of class folders for images of a part; a new one if the project has none for it. */
export function shelfFor(shelves: readonly Shelf[], split: Split | undefined): string {
  const [home] = shelves as readonly [Shelf, ...Shelf[]];
  if (!isApart(split)) return home.folder;
  const own = shelves.find((shelf) => shelf.split === split);
  const beside = splitOfName(baseOf(home.folder)) === "train" ? parentOf(home.folder) : home.folder;
  return own?.folder ?? joined(beside, split === "test" ? "test" : "val");
}

// Places in a project: where the studio may write, move and remove. A project may come from someone else, so every path is
// resolved on the disk first: whatever links it contains, it must end in the project's own folder. The studio's own folder
// (`.graft`) may contain no links. The last part of a path is not resolved: moving a link moves the link.

/** What a path of a project, relative to its folder and with `/`, may name; undefined if it may not be used. */
export function kindOf(path: string): "dataset" | "trash" | undefined {
  const parts = path.split("/");
  if (parts[0] !== OWN) return parts.every(isPart) ? "dataset" : undefined;
  const [, folder, change, ...rest] = parts;
  return folder === "trash" && change !== undefined && rest.length > 0 && [change, ...rest].every(isPart)
    ? "trash"
    : undefined;
}

/** Finds the path on the disk of a file or folder of the dataset or the trash, which need not exist. */
export type FindPlace = (path: string) => Promise<string>;

/**
 * Makes a finder of places in a project. It caches the folders that it has resolved: make one for each change.
 *
 * The finder accepts paths relative to the project's folder, with `/`, and throws GraftError (`data`) if one leads out of the
 * project, or into the studio's own folder.
 */
export function placesIn(root: string): FindPlace {
  const followed = new Map<string, Promise<string>>();
  return async (path) => {
    const kind = kindOf(path);
    if (kind === undefined) throw dataError(`${shown(path)} is not a place in this project.`);
    const parts = path.split("/");
    const folder = parts.slice(0, -1).join("/");
    const real = followed.get(folder) ?? follow(await realpath(root), parts.slice(0, -1), path, kind);
    followed.set(folder, real);
    return join(await real, parts.at(-1)!);
  };
}

async function follow(
  home: string,
  folders: readonly string[],
  path: string,
  kind: "dataset" | "trash",
): Promise<string> {
  const { real, depth } = await deepest(home, folders, path);
  const lexical = join(home, ...folders.slice(0, depth));
  // File systems may store names decomposed.
  const isOwn = kind === "trash" && real.normalize("NFC") === lexical.normalize("NFC");
  const isData = kind === "dataset" && holds(home, real) && !holds(await ownFolder(home), real);
  if (!isOwn && !isData) {
    throw dataError(
      `${shown(path)} leaves the project through a link: the studio changes only files in the project folder.`,
    );
  }
  return join(real, ...folders.slice(depth));
}

/** The deepest existing one of nested folders, with links resolved, and its depth. */
async function deepest(
  home: string,
  folders: readonly string[],
  path: string,
): Promise<{ real: string; depth: number }> {
  const unusable = (reason: string, cause?: unknown): Error =>
    dataError(`${shown(path)} cannot be used: ${reason}.`, cause);
  for (let depth = folders.length; depth > 0; depth--) {
    const at = join(home, ...folders.slice(0, depth));
    let real: string;
    try {
      real = await realpath(at);
    } catch (error) {
      if (codeOf(error) === "ENOENT") continue;
      throw unusable(systemReason(error, "write"), error);
    }
    if (!(await stat(real)).isDirectory()) throw unusable("a part of that path is a file, not a folder");
    return { real, depth };
  }
  return { real: home, depth: 0 };
}

const ownFolder = (home: string): Promise<string> => realpath(join(home, OWN)).catch(() => join(home, OWN));

const holds = (outer: string, inner: string): boolean => inner === outer || inner.startsWith(outer + sep);

const shown = (path: string): string => `“${named(path)}”`;

/** Whether something has this name; a broken link counts. */
export const isTaken = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined)) !== undefined;

/**
 * Checks that the studio may write into its own folder: a real folder, with real folders in it.
 *
 * @throws GraftError (`data`) that names the obstacle
 */
export async function checkOwnFolder({ root, incoming, trash, thumbnails, runs, lock }: Paths): Promise<void> {
  for (const path of [join(root, OWN), incoming, trash, thumbnails, runs, lock]) {
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined || found.isDirectory()) continue;
    const what = found.isSymbolicLink() ? "a link" : "a file";
    throw dataError(
      `${named(path, 500)} is ${what}, but the studio needs a folder of that name for its own files: move it elsewhere and start again.`,
    );
  }
}
