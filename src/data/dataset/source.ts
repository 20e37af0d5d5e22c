/** Where a dataset is stored → its layout: a folder as it is, an archive unpacked into the cache, a list with the folder around it. */
import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { codeOf, dataError } from "../../base/errors.ts";
import type { OnProgress } from "../../base/progress.ts";
import { systemReason } from "../../base/system-errors.ts";
import { openArchive } from "./archive/kept.ts";
import { archiveKindOf } from "./archive/kind.ts";
import { diskTree } from "./disk-tree.ts";
import { fileKindOf } from "./file-kinds.ts";
import { readLayout } from "./layout.ts";
import { readList } from "./lists/read-list.ts";
import type { Layout } from "./named.ts";
import { createSurvey, type Survey } from "./survey.ts";
import { byName, type Ignored, type Listing } from "./tree.ts";

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
