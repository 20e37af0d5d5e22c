/**
 * Where a project's files are: the dataset that `graft train` reads, and beside it a hidden folder of the studio's own. The
 * disk is the only truth; nothing is remembered of it here.
 */
import { join } from "node:path";
import { isDataError, messageOf } from "../../base/errors.ts";
import { diskTree } from "../../data/dataset/disk-tree.ts";
import { readLayout, type Shelf } from "../../data/dataset/layout.ts";
import { type Split, splitOfName } from "../../data/dataset/split-names.ts";
import { createSurvey } from "../../data/dataset/survey.ts";
import { baseOf, byName, type Ignored, joined, parentOf } from "../../data/dataset/tree.ts";

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

/** A class with its pictures' ids, by whether they are trained on. */
export interface ClassListing {
  readonly name: string;
  readonly pictures: readonly string[];
  /** Of its validation and test folders. */
  readonly apart: readonly string[];
}

/** Everything that is in a project. */
export interface Listing {
  /** Folders of class folders, relative to the project's; new pictures go to the first. */
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

/** The folder of class folders for pictures of a part; a new one where the project has none for it. */
export function shelfFor(shelves: readonly Shelf[], split: Split | undefined): string {
  const [home] = shelves as readonly [Shelf, ...Shelf[]];
  if (!isApart(split)) return home.folder;
  const own = shelves.find((shelf) => shelf.split === split);
  const beside = splitOfName(baseOf(home.folder)) === "train" ? parentOf(home.folder) : home.folder;
  return own?.folder ?? joined(beside, split === "test" ? "test" : "val");
}
