/** A tree of which only the paths are known, and the bytes of some files: what a page is about to send. */
import { dataError } from "../../base/errors.ts";
import { byName, joined, type Listing, NAMELESS_ROOT, normalised, type Tree } from "./tree.ts";

/**
 * @param paths of files, with `/`
 * @param contents the bytes of those that may have to be read, such as lists
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
