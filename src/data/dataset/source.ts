/**
 * Opens what a path refers to: for datasets a folder, an archive (unpacked into the cache) or a list; for predictions also a single image.
 * read-layout.ts interprets layouts.
 */
import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, dataError } from "../../base/errors.ts";
import type { OnProgress } from "../../base/progress.ts";
import { readFailure, systemReason } from "../../base/system-errors.ts";
import { openArchive } from "./archive/kept-archive.ts";
import { archiveKindOf } from "./archive/unpack-archive.ts";
import { fileKindOf, type Layout } from "./dataset-names.ts";
import { diskPath, diskTree } from "./disk-tree.ts";
import { byName, type Ignored, type Listing } from "./file-tree.ts";
import { readList } from "./lists/read-list.ts";
import { readLayout } from "./read-layout.ts";
import { createSurvey, type Survey } from "./survey.ts";

export interface Source {
  readonly layout: Layout;
  readonly ignored: readonly Ignored[];
  /** The folder on the disk that paths in the tree are relative to. */
  readonly root: string;
  readonly list: string | undefined;
  readonly archive: string | undefined;
  /** The entries at the top. */
  readonly top: Pick<Listing, "folders" | "files">;
  readonly notes: readonly string[];
}

export interface SourceOptions {
  /** Its name in errors. */
  readonly called: "dataset" | "test folder";
  readonly known?: readonly string[] | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the layout of a folder, list or archive. Throws a GraftError (`data`) if the path is none of these. */
export async function openSource(path: string, options: SourceOptions): Promise<Source> {
  const absolute = resolve(path);
  const found = await stat(absolute).catch((error: unknown): Stats => {
    if (codeOf(error) === "ENOENT") throw dataError(`There is no ${options.called} ${path}: check the path.`, error);
    throw dataError(`Could not read the ${options.called} ${path}: ${systemReason(error, "read")}.`, error);
  });
  if (found.isDirectory()) return fromTree(createSurvey(diskTree(absolute)), absolute, options);
  if (!found.isFile()) throw dataError(`${path} is neither a folder nor a file: give a folder of images.`);
  if (fileKindOf(path) === "list") return fromList(absolute);
  const kind = await archiveKindOf(absolute, path);
  if (kind === undefined)
    throw dataError(
      `${path} is a file, not a dataset: give a folder with one sub-folder per class, a .csv, .tsv or .jsonl list, or a .zip, .tar or .tar.gz archive.`,
    );
  const { folder, faults, note } = await openArchive(absolute, kind, options);
  const survey = createSurvey(diskTree(folder, { called: absolute, contained: true }));
  for (const { path: entry, reason } of faults) survey.ignore(entry, "damaged", reason);
  const source = await fromTree(survey, folder, options);
  return { ...source, archive: absolute, notes: [note, ...source.notes] };
}

async function fromTree(survey: Survey, root: string, { known }: SourceOptions): Promise<Source> {
  const top = await survey.list("");
  const layout = await readLayout(survey, known);
  // Sorted by path, independently of the order in which the layout was read.
  const ignored = [...survey.ignored].sort((a, b) => byName(a.path, b.path));
  return { layout, ignored, root, list: undefined, archive: undefined, top, notes: layout.notes };
}

/** The most folders below a list that are searched for files that are not where the list says. */
const MOST_FOLDERS = 20_000;

/** Reads a list that was given itself: its rows are used as they are, whatever folders are around it. */
async function fromList(list: string): Promise<Source> {
  const root = dirname(list);
  const survey = createSurvey(diskTree(root), { mostFolders: MOST_FOLDERS });
  const { named, unused, notes } = await readList(survey, basename(list));
  const ignored = unused.map((one) => ({ ...one, path: survey.tree.nameOf(one.path) }));
  const layout: Layout = {
    kind: "manifest",
    named,
    shelves: [],
    classFolders: [],
    notes,
    wrapper: undefined,
    obstacle: undefined,
  };
  return { layout, ignored, root, list, archive: undefined, top: { folders: [], files: [] }, notes };
}

// Images to predict: found with the same rules as those of datasets, but without classes and splits.

/** An image to be decoded. */
export interface ImageFile {
  readonly path: string;
  /** The name in messages: below the path that the user gave, also in an archive. */
  readonly name: string;
}

export interface Images {
  readonly images: readonly ImageFile[];
  readonly ignored: readonly Ignored[];
  readonly notes: readonly string[];
}

/**
 * The images of a path, sorted by name: the file itself, whatever its name, or the images of a folder or archive at any depth. Follows
 * links, but enters each folder once; leaves out hidden files and Graft's own output.
 *
 * @throws GraftError (`usage`) if the path does not exist, (`data`) if an archive cannot be read
 */
export async function imagesOf(
  path: string,
  options: { readonly onProgress?: OnProgress | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Images> {
  const absolute = resolve(path);
  const found = await stat(absolute).catch((error: unknown) => {
    throw readFailure(path, error, { missing: "usage" });
  });
  if (found.isDirectory()) return below(absolute, path);
  const kind = found.isFile() ? await archiveKindOf(absolute, path) : undefined;
  if (kind === undefined) return { images: [{ path, name: path }], ignored: [], notes: [] };
  const { folder, faults, note } = await openArchive(absolute, kind, options);
  const { images, ignored } = await below(folder, path, true);
  const damaged = faults.map((fault) => ({ ...fault, path: join(path, fault.path) }));
  return { images, ignored: [...damaged, ...ignored], notes: [note] };
}

async function below(root: string, called: string, contained = false): Promise<Images> {
  const survey = createSurvey(diskTree(root, { called, contained }));
  await survey.list("");
  const found = await survey.imagesBelow("");
  const images = found.map((path) => ({ path: diskPath(root, path), name: join(called, path) }));
  return { images: images.sort((a, b) => byName(a.name, b.name)), ignored: survey.ignored, notes: [] };
}
