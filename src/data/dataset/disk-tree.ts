/** A folder on the disk as a tree. Reports links, pipes, unreadable folders and invalid names as faults instead of throwing system errors. */
import type { Dirent, Stats } from "node:fs";
import { lstat, open, readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { codeOf, dataError } from "../../base/errors.ts";
import { readStart } from "../../base/files.ts";
import { isMachineFault, readFailure, systemReason } from "../../base/system-errors.ts";
import { SNIFFED_BYTES } from "../image/sniff.ts";
import { byName, type IgnoredKind, joined, type Listing, NAMELESS_ROOT, type Tree } from "./file-tree.ts";

export interface DiskTreeOptions {
  /** The name of the folder in messages; default its path; "" for paths relative to it. */
  readonly called?: string | undefined;
  /** Whether paths in lists must stay inside the folder, because it is untrusted. */
  readonly contained?: boolean | undefined;
}

/**
 * A folder on the disk as a tree.
 *
 * @param root absolute
 */
export function diskTree(root: string, { called, contained = false }: DiskTreeOptions = {}): Tree {
  const fileOf = (path: string): string => diskPath(root, path);
  const nameOf = (path: string): string =>
    called === undefined ? fileOf(path) : joined(called, path) || NAMELESS_ROOT;
  const toTree = (absolute: string): string | undefined => {
    const path = relative(root, absolute);
    return path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path) ? undefined : path.split(sep).join("/");
  };
  const fail = (path: string, error: unknown): Error => readFailure(nameOf(path), error);
  return {
    nameOf,
    async list(folder) {
      const at = fileOf(folder);
      return listingOf(at, await readdir(at, { withFileTypes: true }));
    },
    identityOf: (folder) => realpath(fileOf(folder)),
    async read(file, limit) {
      const handle = await open(fileOf(file)).catch((error: unknown) => {
        throw fail(file, error);
      });
      try {
        const { size } = await handle.stat();
        if (size > limit) throw dataError(`Could not read ${nameOf(file)}: it has more than ${limit} bytes.`);
        return await handle.readFile();
      } catch (error) {
        throw error instanceof Error && "syscall" in error ? fail(file, error) : error;
      } finally {
        await handle.close();
      }
    },
    head: (file) =>
      readStart(fileOf(file), SNIFFED_BYTES).catch((error: unknown) => {
        if (isMachineFault(error)) throw fail(file, error);
        return new Uint8Array();
      }),
    inside: (folder, text) => toTree(resolve(fileOf(folder), text)),
    ...(contained
      ? {}
      : {
          async outside(folder, text) {
            const absolute = resolve(fileOf(folder), text);
            const found = await stat(absolute).catch(() => undefined);
            return found?.isFile() ? (toTree(absolute) ?? absolute) : undefined;
          },
        }),
  };
}

/** The path on the disk of a path in a disk tree. */
export const diskPath = (root: string, path: string): string => {
  // Paths of a tree are normalised already; resolving a million of them takes a second.
  if (sep === "/" && path !== "" && !path.startsWith("/") && !path.startsWith(".."))
    return `${root === "/" ? "" : root}/${path}`;
  return resolve(root, path.split("/").join(sep));
};

async function listingOf(folder: string, entries: readonly Dirent[]): Promise<Listing> {
  const [folders, files]: [string[], string[]] = [[], []];
  const faults: { name: string; kind: IgnoredKind; reason: string }[] = [];
  for (const entry of [...entries].sort((a, b) => byName(a.name, b.name))) {
    const { name } = entry;
    let kind: Dirent | Stats = entry;
    // Node uses this character for bytes that are not UTF-8; such a name cannot be opened.
    if (name.includes("\ufffd") && (await isMissing(resolve(folder, name)))) {
      faults.push({ name, kind: "unreadable", reason: "its name is not UTF-8: rename it" });
      continue;
    }
    if (entry.isSymbolicLink()) {
      try {
        kind = await stat(resolve(folder, name));
      } catch (error) {
        if (isMachineFault(error)) throw error;
        const isBroken = codeOf(error) === "ENOENT";
        const reason = isBroken
          ? "a link to nothing"
          : `a link that cannot be followed: ${systemReason(error, "read")}`;
        faults.push({ name, kind: "special", reason });
        continue;
      }
    }
    if (kind.isDirectory()) folders.push(name);
    else if (kind.isFile()) files.push(name);
    else faults.push({ name, kind: "special", reason: "neither a file nor a folder" });
  }
  return { folders, files, faults };
}

const isMissing = async (path: string): Promise<boolean> =>
  lstat(path).then(
    () => false,
    () => true,
  );
