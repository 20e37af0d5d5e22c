/**
 * The part of the cache that holds npm packages: one folder a package, with the files that were wanted so far and an
 * index that is written last. A file counts only if the index lists it and it has the checksum that the index says, so
 * neither what a killed run left nor what a disk has changed is taken for whole. Fetches nothing.
 */
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { usageError, workError } from "../../base/errors.ts";
import { makeFolder, sha256OfFile } from "../../base/files.ts";
import { markUsed } from "../../base/last-use.ts";
import { partPath, sweepOnce } from "../../base/parts.ts";
import { inspectSealedJson, writeSealedJson } from "../../base/sealed.ts";
import { idOf, type NpmPackage } from "./packages.ts";
import type { Contents } from "./unpack.ts";

/** Which files of a package: paths within it, or a test of a path. */
export type Wanted = ((path: string) => boolean) | readonly string[];

/** What is known of a package that was fetched before. */
export interface Index {
  readonly integrity: string;
  /** Every file of the package with its bytes, kept or not. */
  readonly files: Readonly<Record<string, number>>;
  /** The SHA-256, in hexadecimal, of each file that is kept. */
  readonly kept: Readonly<Record<string, string>>;
}

export const indexSchema: v.GenericSchema<unknown, Index> = v.object({
  integrity: v.string(),
  files: v.record(v.string(), v.number()),
  kept: v.record(v.string(), v.string()),
});

export const INDEX = ".graft-index.json";

/** The folder of a package in the cache's npm part: name (`/` as `+`), version and the start of its hash. */
export function folderOf(cache: string, spec: NpmPackage): string {
  const { package: name, version, integrity } = spec;
  const sound =
    /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/i.test(name) &&
    /^\d+\.\d+\.\d+[0-9A-Za-z.+-]*$/.test(version) &&
    /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity);
  if (!sound)
    throw usageError(
      `${idOf(spec)} with "${integrity}" is no pinned npm package: give its name, exact version and sha512.`,
    );
  const hash = Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex").slice(0, 12);
  return join(cache, `${name.replace("/", "+")}@${version}-${hash}`);
}

/** What the cache has of a package: its index, or why there is none. */
type Known =
  | { readonly index: Index; readonly damaged?: never }
  | { readonly index?: never; readonly damaged?: string };

/** The index of a package's folder; nothing where there is none of this package in this version of the index. */
export async function readIndex(folder: string, spec: NpmPackage): Promise<Known> {
  const path = join(folder, INDEX);
  const found = await inspectSealedJson(path, indexSchema);
  if (found.kind === "damaged") return { damaged: path };
  return found.kind === "whole" && found.value.integrity === spec.integrity ? { index: found.value } : {};
}

/** The wanted paths among a package's files. Throws a GraftError (`work`) where it has none such. */
export function select(files: Iterable<string>, wanted: Wanted, spec: NpmPackage): readonly string[] {
  const all = new Set(files);
  if (typeof wanted !== "function") {
    const absent = wanted.find((path) => !all.has(path));
    if (absent === undefined) return wanted;
    throw workError(`The npm package ${idOf(spec)} has no file ${absent}; this is a defect of whoever asked for it.`);
  }
  const paths = [...all].filter(wanted);
  if (paths.length > 0) return paths;
  throw workError(
    `The npm package ${idOf(spec)} has none of the files looked for; this is a defect of whoever asked for it.`,
  );
}

/** What the cache has of the wanted files: all of them, whole, by path; or not, and then perhaps which one is damaged. */
export type Looked =
  | { readonly files: ReadonlyMap<string, string>; readonly damaged?: never }
  | { readonly files?: never; readonly damaged?: string | undefined };

/** Looks for the wanted files, and whether they are as they were written. */
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

/** Folders that versions before this one unpacked into. */
const oldPrefix = (folder: string): string => `.part-${basename(folder)}-`;

/** An empty folder to unpack into, beside the package's own. What killed runs left there is removed: hold the lock. */
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
 * Takes what was unpacked and verified into the package's folder. The first time the whole folder is renamed into place;
 * later, when other files are wanted, they are added one by one and then listed.
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
    // Whatever is there was damaged, a folder perhaps.
    await rm(join(folder, path), { recursive: true, force: true });
    await rename(join(part, path), join(folder, path));
  }
  await writeSealedJson(join(folder, INDEX), index);
  await rm(part, { recursive: true, force: true });
}
