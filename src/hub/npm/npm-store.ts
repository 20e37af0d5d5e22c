/**
 * The cache of npm packages: one folder per package, with the files that were wanted so far and an index that is written last.
 * A file counts only if the index lists it and its checksum matches, so neither the leftovers of a killed run nor a damaged file
 * is used. Fetches nothing.
 */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { markUsed } from "../../base/cache-folder.ts";
import { usageError, workError } from "../../base/errors.ts";
import { makeFolder, partPath, sha256OfFile, sweepOnce } from "../../base/files.ts";
import { inspectSealedJson, writeSealedJson } from "../../base/sealed.ts";
import { idOf, type NpmPackage } from "./npm-packages.ts";
import type { Contents } from "./npm-unpack.ts";

/** Which files of a package: paths within it, or a function that tests a path. */
export type Wanted = ((path: string) => boolean) | readonly string[];

/** What the cache knows about a package that was fetched. */
export interface Index {
  readonly integrity: string;
  /** The size in bytes of every file of the package, whether it is stored or not. */
  readonly files: Readonly<Record<string, number>>;
  /** The SHA-256, in hexadecimal, of each stored file. */
  readonly kept: Readonly<Record<string, string>>;
}

export const indexSchema: v.GenericSchema<unknown, Index> = v.object({
  integrity: v.string(),
  files: v.record(v.string(), v.number()),
  kept: v.record(v.string(), v.string()),
});

export const INDEX = ".graft-index.json";

/** The folder of a package within the cache: name (`/` as `+`), version and the start of its hash. Throws a GraftError (`usage`) if `spec` is not a pinned package. */
export function folderOf(cache: string, spec: NpmPackage): string {
  const { package: name, version, integrity } = spec;
  const sound =
    /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/i.test(name) &&
    /^\d+\.\d+\.\d+[0-9A-Za-z.+-]*$/.test(version) &&
    /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity);
  if (!sound)
    throw usageError(
      `${idOf(spec)} with "${integrity}" is not a pinned npm package: give its name, exact version and sha512.`,
    );
  const hash = Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex").slice(0, 12);
  return join(cache, `${name.replace("/", "+")}@${version}-${hash}`);
}

/** The index of a package, or why there is none. */
type Known =
  | { readonly index: Index; readonly damaged?: never }
  | { readonly index?: never; readonly damaged?: string };

/** Reads the index of a package's folder. An index of another package or format counts as missing. */
export async function readIndex(folder: string, spec: NpmPackage): Promise<Known> {
  const path = join(folder, INDEX);
  const found = await inspectSealedJson(path, indexSchema);
  if (found.kind === "damaged") return { damaged: path };
  return found.kind === "whole" && found.value.integrity === spec.integrity ? { index: found.value } : {};
}

/** The wanted paths among a package's files. Throws a GraftError (`work`) if one is missing. */
export function select(files: Iterable<string>, wanted: Wanted, spec: NpmPackage): readonly string[] {
  const all = new Set(files);
  if (typeof wanted !== "function") {
    const absent = wanted.find((path) => !all.has(path));
    if (absent === undefined) return wanted;
    throw workError(`The npm package ${idOf(spec)} has no file ${absent}: this is a bug in the caller.`);
  }
  const paths = [...all].filter(wanted);
  if (paths.length > 0) return paths;
  throw workError(`The npm package ${idOf(spec)} has none of the wanted files: this is a bug in the caller.`);
}

/** The wanted files in the cache by path, if all are there and undamaged; else the path of a damaged file, if there is one. */
export type Looked =
  | { readonly files: ReadonlyMap<string, string>; readonly damaged?: never }
  | { readonly files?: never; readonly damaged?: string | undefined };

/** Looks up the wanted files and verifies them. */
export async function lookUp(folder: string, spec: NpmPackage, wanted: Wanted): Promise<Looked> {
  const { index, damaged } = await readIndex(folder, spec);
  if (!index) return { damaged };
  const files = new Map<string, string>();
  for (const path of select(Object.keys(index.files), wanted, spec)) {
    const sha256 = index.kept[path];
    if (sha256 === undefined) return {};
    const file = join(folder, path);
    if ((await sha256OfFile(file).catch(() => undefined)) !== sha256) return { damaged: file };
    files.set(path, file);
  }
  await markUsed(join(folder, INDEX));
  return { files };
}

/** The prefix of the folders into which older versions unpacked. */
const oldPrefix = (folder: string): string => `.part-${basename(folder)}-`;

/** Makes an empty folder to unpack into, and removes what killed runs left. Call it only while holding the lock. */
export async function makePart(folder: string): Promise<string> {
  const parent = dirname(folder);
  await makeFolder(parent);
  await sweepOnce(parent);
  for (const name of await readdir(parent)) {
    if (name.startsWith(oldPrefix(folder))) await rm(join(parent, name), { recursive: true, force: true });
  }
  const part = partPath(parent);
  await mkdir(part);
  return part;
}

/**
 * Moves unpacked and verified files into the package's folder. The first time, renames the whole folder; later, adds the new
 * files one by one and then updates the index.
 */
export async function keep(part: string, folder: string, spec: NpmPackage, contents: Contents): Promise<void> {
  const { index: before } = await readIndex(folder, spec);
  const kept = { ...before?.kept, ...Object.fromEntries(contents.written) };
  const index: Index = { integrity: spec.integrity, files: Object.fromEntries(contents.files), kept };
  if (!before) {
    await writeSealedJson(join(part, INDEX), index);
    await rm(folder, { recursive: true, force: true });
    await rename(part, folder);
    return;
  }
  for (const path of contents.written.keys()) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    // Something damaged, perhaps a folder, is in the way.
    await rm(join(folder, path), { recursive: true, force: true });
    await rename(join(part, path), join(folder, path));
  }
  await writeSealedJson(join(folder, INDEX), index);
  await rm(part, { recursive: true, force: true });
}
