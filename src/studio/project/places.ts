/**
 * Places inside a project: where the studio may write, move and remove. A project may come from somebody else, so every path
 * is followed on the disk first: whatever links are on the way, it must end inside the project's own folder. The studio's
 * own folder in it (`.graft`) has no links at all. What the last part of a path names is not followed: moving a link moves
 * the link.
 */
import { lstat, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { codeOf, dataError } from "../../base/errors.ts";
import { systemReason } from "../../base/system-errors.ts";
import { named } from "../../base/text.ts";
import { OWN, type Paths } from "./layout.ts";
import { isPart } from "./names.ts";

/** What a path of a project, relative to its folder and with `/`, can name; nothing where it may not be used. */
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
