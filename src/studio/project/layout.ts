/**
 * Where a project's files lie: the dataset that `graft train` reads, and beside it a hidden folder of the studio's own. The
 * disk is the only truth; nothing is remembered of it here.
 */
import { realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { type Ignored, listFolder, picturesBelow } from "../../data/dataset/walk.ts";

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

/** A folder that holds class folders, relative to the project's; `apart` where its pictures are not trained on. */
export interface Shelf {
  readonly folder: string;
  readonly apart: boolean;
}

const apartNames = new Set(["val", "validation", "test"]);

/** The project's shelves, the one that new pictures go to first: the folder itself, or `train/`, `val/` and `test/`. */
export async function shelvesOf(root: string): Promise<readonly Shelf[]> {
  const { folders } = await listFolder(root, []);
  const train = folders.find((name) => name.toLowerCase() === "train");
  // As discover.ts has it: only a train/ with class folders in it makes split folders.
  if (train === undefined || (await listFolder(join(root, train), [])).folders.length === 0)
    return [{ folder: "", apart: false }];
  const apart = folders.filter((name) => apartNames.has(name.toLowerCase()));
  return [{ folder: train, apart: false }, ...apart.map((folder) => ({ folder, apart: true }))];
}

/** A class with its pictures' ids, by shelf. */
export interface ClassListing {
  readonly name: string;
  readonly pictures: readonly string[];
  readonly apart: readonly string[];
}

/** Everything that lies in a project. */
export interface Listing {
  readonly shelves: readonly Shelf[];
  readonly classes: readonly ClassListing[];
  readonly ignored: readonly Ignored[];
}

/** Walks through the project, or through one class of it. */
export async function listProject(root: string, only?: string): Promise<Listing> {
  const shelves = await shelvesOf(root);
  const ignored: Ignored[] = [];
  const found = new Map<string, { pictures: string[]; apart: string[] }>();
  const home = await realpath(root);
  for (const { folder, apart } of shelves) {
    const { folders, files } = await listFolder(join(home, folder), ignored);
    for (const name of files)
      ignored.push({ path: join(folder, name), reason: "beside the class folders, not in one" });
    for (const name of folders.filter((one) => only === undefined || one.normalize("NFC") === only)) {
      const pictures = await picturesBelow(join(home, folder, name), home, ignored);
      const listing = found.get(name.normalize("NFC")) ?? { pictures: [], apart: [] };
      listing[apart ? "apart" : "pictures"].push(...pictures.map((path) => idOf(home, path)));
      found.set(name.normalize("NFC"), listing);
    }
  }
  const classes = [...found].map(([name, listing]) => ({ name, ...listing }));
  return { shelves, classes: classes.sort((a, b) => (a.name < b.name ? -1 : 1)), ignored };
}

const idOf = (root: string, path: string): string => relative(root, path).split(sep).join("/");
