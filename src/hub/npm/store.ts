/**
 * The part of the cache that holds npm packages: one folder a package, with the files that were wanted so far and an
 * index that is written last. A file counts only if the index lists it, so whatever a killed run left is not taken
 * for whole. Fetches nothing.
 */
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { codeOf, usageError, workError } from "../../base/errors.ts";
import { writeWhole } from "../../base/files.ts";
import { idOf, type NpmPackage } from "./packages.ts";
import type { Contents } from "./unpack.ts";

/** Which files of a package: paths within it, or a test of a path. */
export type Wanted = ((path: string) => boolean) | readonly string[];

/** What is known of a package that was fetched before. */
export interface Index {
  readonly integrity: string;
  /** Every file of the package with its bytes, kept or not. */
  readonly files: Readonly<Record<string, number>>;
  /** The files that are kept. */
  readonly kept: readonly string[];
}

const indexName = ".graft-index.json";

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

/** The index of a package's folder; `undefined` where there is none that can be read. */
export async function readIndex(folder: string, spec: NpmPackage): Promise<Index | undefined> {
  try {
    const index = JSON.parse(await readFile(join(folder, indexName), "utf8")) as Index;
    return index.integrity === spec.integrity && Array.isArray(index.kept) ? index : undefined;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw workError(
      `Could not read ${join(folder, indexName)} (${codeOf(error)}): make it readable or delete ${folder}.`,
      error,
    );
  }
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

/** The wanted files if all of them are kept and of the right size; else `undefined`. */
export async function lookUp(
  folder: string,
  spec: NpmPackage,
  wanted: Wanted,
): Promise<ReadonlyMap<string, string> | undefined> {
  const index = await readIndex(folder, spec);
  if (!index) return undefined;
  const paths = select(Object.keys(index.files), wanted, spec);
  const kept = new Set(index.kept);
  if (!paths.every((path) => kept.has(path))) return undefined;
  const found = new Map<string, string>();
  for (const path of paths) {
    const file = await stat(join(folder, path)).catch(() => undefined);
    if (!file?.isFile() || file.size !== index.files[path]) return undefined;
    found.set(path, join(folder, path));
  }
  return found;
}

const partPrefix = (folder: string): string => `.part-${basename(folder)}-`;

/** An empty folder to unpack into, beside the package's own. What killed runs left there is removed: hold the lock. */
export async function makePart(folder: string): Promise<string> {
  await mkdir(dirname(folder), { recursive: true });
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(partPrefix(folder))) await rm(join(dirname(folder), name), { recursive: true, force: true });
  }
  const part = join(dirname(folder), `${partPrefix(folder)}${process.pid}`);
  await mkdir(part);
  return part;
}

/**
 * Takes what was unpacked and verified into the package's folder. The first time the whole folder is renamed into place;
 * later, when other files are wanted, they are added one by one and then listed.
 */
export async function keep(part: string, folder: string, spec: NpmPackage, contents: Contents): Promise<void> {
  const before = await readIndex(folder, spec);
  const kept = [...new Set([...(before?.kept ?? []), ...contents.written])].sort();
  const index: Index = { integrity: spec.integrity, files: Object.fromEntries(contents.files), kept };
  const text = `${JSON.stringify(index)}\n`;
  if (!before) {
    await writeWhole(join(part, indexName), text);
    await rm(folder, { recursive: true, force: true });
    await rename(part, folder);
    return;
  }
  for (const path of contents.written) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await rename(join(part, path), join(folder, path));
  }
  await writeWhole(join(folder, indexName), text);
  await rm(part, { recursive: true, force: true });
}
