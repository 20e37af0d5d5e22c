/** Where a dataset is stored → its layout: a folder as it is, an archive unpacked into the cache, a list with the folder around it. */
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
  /** What the tree's paths are relative to, on the disk. */
  readonly root: string;
  readonly list: string | undefined;
  readonly archive: string | undefined;
  /** What is at the top. */
  readonly top: Pick<Listing, "folders" | "files">;
  readonly notes: readonly string[];
}

export interface SourceOptions {
  /** What errors call it. */
  readonly called: "dataset" | "test folder";
  readonly known?: readonly string[] | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the layout of a folder, list or archive. Throws a GraftError (`data`) where it is none of these. */
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
      `${path} is a file, not a dataset: give a folder with one sub-folder a class, a .csv, .tsv or .jsonl list, or a .zip, .tar or .tar.gz archive.`,
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
  // In order of paths, however the layout was found out.
  const ignored = [...survey.ignored].sort((a, b) => byName(a.path, b.path));
  return { layout, ignored, root, list: undefined, archive: undefined, top, notes: layout.notes };
}

/** How many folders below a list are searched for files that are not where it says. */
const MOST_FOLDERS = 20_000;

/** A list that was named itself: its rows are used as they are, whatever folders are around it. */
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

// The images of files, folders and archives that are to be asked about: no classes, no parts, the same eyes as for datasets.

/** An image to be decoded. */
export interface ImageFile {
  readonly path: string;
  /** As people know it: below the path that they gave, also in an archive. */
  readonly name: string;
}

export interface Images {
  readonly images: readonly ImageFile[];
  readonly ignored: readonly Ignored[];
  readonly notes: readonly string[];
}

/**
 * A file itself, whatever it is called; the images of a folder or archive at any depth, by name, links followed but never in
 * circles, hidden files and Graft's own output left out.
 *
 * @throws GraftError (`usage`) where the path does not exist, (`data`) where an archive cannot be read
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
