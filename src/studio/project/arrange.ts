/**
 * Where what is handed in belongs: the class and part of each file, by the reader of layouts that training uses. Files that are in
 * no folder go to the class that is open. Nothing is moved here.
 */
import { dataError, isDataError } from "../../base/errors.ts";
import { notImageReason } from "../../data/dataset/file-kinds.ts";
import { type Layout, readLayout } from "../../data/dataset/layout.ts";
import type { Split } from "../../data/dataset/split-names.ts";
import type { Survey } from "../../data/dataset/survey.ts";
import type { Ignored } from "../../data/dataset/tree.ts";

export interface Place {
  readonly path: string;
  readonly className: string;
  readonly split: Split | undefined;
}

export interface ArrangeOptions {
  /** The project's classes. */
  readonly classes: readonly string[];
  /** The class of files that are in no folder. */
  readonly loose: string | undefined;
}

export interface Arranged {
  readonly places: readonly Place[];
  readonly skipped: readonly Ignored[];
  readonly notes: readonly string[];
  /** The only folder, where the folders in it were taken for classes; it may be a class itself. */
  readonly wrapper: string | undefined;
}

/**
 * Finds a place for every image of a tree.
 *
 * @throws GraftError (`data`) where folders hold images, but nothing says which shows what
 */
export async function arrange(survey: Survey, { classes, loose }: ArrangeOptions): Promise<Arranged> {
  const { files, folders } = await survey.list("");
  const layout = await readLayout(survey, classes).catch((error: unknown): Layout | undefined => {
    // The list is noted; what is loose has a class all the same.
    if (isDataError(error) && folders.length === 0) return undefined;
    throw error;
  });
  if (layout?.obstacle !== undefined) throw dataError(layout.obstacle);
  const places: Place[] = (layout?.named ?? []).map(({ path, className, split }) => ({ path, className, split }));
  const placed = new Set(places.map(({ path }) => path));
  const own: string[] = [];
  if (layout?.kind !== "manifest")
    for (const name of files) if (!placed.has(name) && (await survey.mayBeImage(name))) own.push(name);
  if (loose !== undefined) for (const path of own) places.push({ path, className: loose, split: undefined });
  // Of loose files more can be said than that they are beside folders, and a folder without images is no file.
  const atTop = new Set(files);
  const noted = survey.ignored.filter(({ path, kind }) => kind !== "empty" && !(kind === "beside" && atTop.has(path)));
  const told = new Set([...placed, ...own, ...noted.map(({ path }) => path)]);
  const others = layout?.kind === "manifest" ? [] : files.filter((name) => !told.has(name));
  return {
    places,
    skipped: [
      ...noted,
      ...(loose === undefined ? own : []).map((path): Ignored => ({ path, kind: "beside", reason: HOMELESS })),
      ...others.map((path): Ignored => ({ path, kind: "not-image", reason: notImageReason(path) })),
    ],
    notes: layout?.notes ?? [],
    wrapper: layout?.kind === "class-folders" && layout.wrapper !== undefined ? folders[0] : undefined,
  };
}

const HOMELESS = "it is in no folder, which would name its class";
