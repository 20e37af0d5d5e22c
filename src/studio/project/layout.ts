/**
 * Where a project's files are: the dataset that `graft train` reads, and beside it a hidden folder of the studio's own. The
 * disk is the only truth; nothing is remembered of it here.
 */

import { lstat, realpath, stat } from "node:fs/promises";
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

/** The studio's own folder in a project; datasets pass over hidden ones. */
export const OWN = ".graft";

/** The paths of a project. */
export interface Paths {
  readonly root: string;
  /** Files that are being received; emptied at the start. */
  readonly incoming: string;
  /** What was removed, a folder each change. */
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

/** A class with its images' ids, by whether they are trained on. */
export interface ClassListing {
  readonly name: string;
  readonly pictures: readonly string[];
  /** Of its validation and test folders. */
  readonly apart: readonly string[];
}

/** Everything that is in a project. */
export interface Listing {
  /** Folders of class folders, relative to the project's; new images go to the first. */
  readonly shelves: readonly Shelf[];
  readonly classes: readonly ClassListing[];
  readonly ignored: readonly Ignored[];
  /** Why its layout allows no training, whatever is in it. */
  readonly obstacle: string | undefined;
}

/** Walks through the project, with the eyes of `graft train`. */
export async function listProject(root: string): Promise<Listing> {
  const survey = createSurvey(diskTree(root, { called: "" }));
  const { kind, shelves, classFolders, obstacle } = await readLayout(survey).catch((error: unknown) => {
    // A list that cannot be read is no reason not to show the project.
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

/** The folder of class folders for images of a part; a new one where the project has none for it. */
export function shelfFor(shelves: readonly Shelf[], split: Split | undefined): string {
  const [home] = shelves as readonly [Shelf, ...Shelf[]];
  if (!isApart(split)) return home.folder;
  const own = shelves.find((shelf) => shelf.split === split);
  const beside = splitOfName(baseOf(home.folder)) === "train" ? parentOf(home.folder) : home.folder;
  return own?.folder ?? joined(beside, split === "test" ? "test" : "val");
}

// Places inside a project: where the studio may write, move and remove. A project may come from somebody else, so every path
// is followed on the disk first: whatever links are on the way, it must end inside the project's own folder. The studio's
// own folder in it (`.graft`) has no links at all. What the last part of a path names is not followed: moving a link moves
// the link.

/** What a path of a project, relative to its folder and with `/`, can name; undefined if it may not be used. */
export function kindOf(path: string): "dataset" | "trash" | undefined {
  const parts = path.split("/");
  if (parts[0] !== OWN) return parts.every(isPart) ? "dataset" : undefined;
  const [, folder, change, ...rest] = parts;
  return folder === "trash" && change !== undefined && rest.length > 0 && [change, ...rest].every(isPart)
    ? "trash"
    : undefined;
}

/** Finds the path on the disk of a file or folder of the dataset, or of the trash, that need not exist. */
export type FindPlace = (path: string) => Promise<string>;

/**
 * A finder of places in a project. It remembers the folders that it has followed: make one for each change.
 *
 * The finder takes paths relative to the project's folder, with `/`, and throws GraftError (`data`) where one leads out of the
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
  // File systems may keep names decomposed.
  const isOwn = kind === "trash" && real.normalize("NFC") === lexical.normalize("NFC");
  const isData = kind === "dataset" && holds(home, real) && !holds(await ownFolder(home), real);
  if (!isOwn && !isData) {
    throw dataError(
      `${shown(path)} leaves the project through a link: the studio changes only files in the project folder.`,
    );
  }
  return join(real, ...folders.slice(depth));
}

/** The deepest of nested folders that exists, links followed, and how deep it is. */
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

/** Whether something has this name: a link that leads nowhere counts. */
export const isTaken = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined)) !== undefined;

/**
 * Whether the studio's own folder is one that it may write into: a real folder, with real folders in it.
 *
 * @throws GraftError (`data`) that names what is in the way
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
