/** The images of files, folders and archives that are to be asked about: no classes, no parts, the same eyes as for datasets. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { OnProgress } from "../../base/progress.ts";
import { readFailure } from "../../base/system-errors.ts";
import { openArchive } from "./archive/kept.ts";
import { archiveKindOf } from "./archive/kind.ts";
import { diskPath, diskTree } from "./disk-tree.ts";
import { createSurvey } from "./survey.ts";
import { byName, type Ignored } from "./tree.ts";

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
