/**
 * A tree of folders and files, wherever it is stored, and a tree in memory for what a page is about to send; disk-tree.ts has the one on
 * a disk. Paths in a tree use `/` without a leading one; the root is "".
 */
import { dataError } from "../../base/errors.ts";

/** Why a file or folder is not used, for programs; people read the reason. */
export type IgnoredKind =
  /** Hidden, or left behind by a file manager or system. */
  | "litter"
  /** Graft's own output or quarantine. */
  | "own"
  | "not-image"
  /** An image outside of class folders, or a folder beside the parts. */
  | "beside"
  /** A class folder without images. */
  | "empty"
  /** An image without a label. */
  | "unlabelled"
  /** Listed, but missing. */
  | "missing"
  /** A link that is not followed, a pipe, a device. */
  | "special"
  | "unreadable"
  /** A list that is not used. */
  | "list"
  /** An entry of an archive that is damaged or unsafe. */
  | "damaged";

/** A file or folder that is not used, and why. */
export interface Ignored {
  readonly path: string;
  readonly reason: string;
  readonly kind: IgnoredKind;
}

/** The entries of a folder, sorted by code points. */
export interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Entries that are neither, or that cannot be read. */
  readonly faults: readonly { readonly name: string; readonly kind: IgnoredKind; readonly reason: string }[];
}

export interface Tree {
  /** The name of a path in messages. */
  nameOf(path: string): string;
  /** The entries of a folder. Throws the system's error if it cannot be read. */
  list(folder: string): Promise<Listing>;
  /** A path that is the same however a folder is reached, and that begins those of the folders in it; throws like `list`. */
  identityOf(folder: string): Promise<string>;
  /** A file's bytes. Throws a GraftError (`data`) if it cannot be read or has more than `limit` bytes. */
  read(file: string, limit: number): Promise<Uint8Array>;
  /** A file's first bytes, enough for `sniffFormat`; empty if they cannot be read. */
  head(file: string): Promise<Uint8Array>;
  /** The path in the tree that a text in a list in `folder` refers to; undefined if it leads out of the tree. */
  inside(folder: string, text: string): string | undefined;
  /** The path of a file outside of the tree that a text in a list in `folder` refers to. Untrusted trees lack this function. */
  outside?(folder: string, text: string): Promise<string | undefined>;
}

/** The root of a tree without a name, in sentences. */
export const NAMELESS_ROOT = "this folder";

export const joined = (folder: string, name: string): string => [folder, name].filter((part) => part !== "").join("/");
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export const baseOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The ending in lower case, without the dot; "" if there is none. */
export function endingOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

/** The order of names in listings. */
export const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `a/./b/../c` → `a/c`; undefined if it leads out of the tree. */
export function normalised(path: string): string | undefined {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

/**
 * A tree from its paths and the bytes of some files.
 *
 * @param paths the paths of files, with `/`
 * @param contents the bytes of files that must be readable, such as lists
 */
export function memoryTree(paths: Iterable<string>, contents: ReadonlyMap<string, Uint8Array> = new Map()): Tree {
  const folders = new Map<string, { folders: Set<string>; files: Set<string> }>();
  const folderAt = (path: string): { folders: Set<string>; files: Set<string> } => {
    const known = folders.get(path);
    if (known) return known;
    const made = { folders: new Set<string>(), files: new Set<string>() };
    folders.set(path, made);
    return made;
  };
  folderAt("");
  for (const path of paths) {
    const parts = path.split("/");
    let at = "";
    for (const part of parts.slice(0, -1)) {
      folderAt(at).folders.add(part);
      at = joined(at, part);
    }
    folderAt(at).files.add(parts.at(-1)!);
  }
  const list = async (folder: string): Promise<Listing> => {
    const found = folders.get(folder);
    if (!found) throw dataError(`There is no folder ${folder}.`);
    return { folders: [...found.folders].sort(byName), files: [...found.files].sort(byName), faults: [] };
  };
  return {
    nameOf: (path) => path || NAMELESS_ROOT,
    list,
    identityOf: async (folder) => folder,
    async read(file, limit) {
      const bytes = contents.get(file);
      if (!bytes) throw dataError(`Could not read ${file}: its bytes were not sent.`);
      if (bytes.length > limit) throw dataError(`Could not read ${file}: it has more than ${limit} bytes.`);
      return bytes;
    },
    head: async (file) => contents.get(file) ?? new Uint8Array(),
    inside: (folder, text) => (text.startsWith("/") ? undefined : normalised(joined(folder, text))),
  };
}
