/** The quarantine: plans which images to move out of a dataset, moves them, and moves them back. Deletes and overwrites nothing. */

import { constants } from "node:fs";
import { access, copyFile, link, lstat, open, readFile, rename, rmdir, unlink } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { codeOf, dataError, usageError, workError } from "../base/errors.ts";
import { makeFolder, writeFailure, writeWhole } from "../base/files.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import { type Finding, isTraining, suspectsOf } from "./check.ts";

/** The move of one file. */
export interface Move {
  /** Absolute. */
  readonly from: string;
  readonly to: string;
  /** The first check that requested it, and its reason. */
  readonly check: string;
  readonly why: string;
}

/** Training images that must remain in each class. */
const FEWEST = 2;

/**
 * Plans the moves that findings request.
 *
 * @param folder the quarantine; images keep their path relative to the dataset's folder in it
 * @param doubtful whether to move images, too, that are only worth a look; default false
 * @throws GraftError (`data`) if a class would be left with too few images to learn from, (`usage`) for an archive or a list
 */
export function planMoves(
  dataset: Dataset,
  findings: readonly Finding[],
  folder: string,
  { doubtful = false }: { readonly doubtful?: boolean | undefined } = {},
): readonly Move[] {
  if (dataset.archive !== undefined)
    throw usageError(`${dataset.archive} is an archive, which --fix does not change: unpack it and pass the folder.`);
  if (dataset.layout === "manifest")
    throw usageError(
      `The labels of ${dataset.root} come from a list, which would still contain moved files: remove the lines that --json reports instead of using --fix.`,
    );
  const moves = new Map<string, Move>();
  for (const finding of findings) {
    for (const { path, why, fix } of suspectsOf(finding)) {
      if (fix === "keep" || (fix === "ask" && !doubtful) || moves.has(path)) continue;
      moves.set(path, { from: path, to: join(folder, placeOf(dataset, path)), check: finding.check, why });
    }
  }
  checkRemaining(dataset, new Set(moves.keys()));
  return [...moves.values()];
}

/** The image's path relative to the dataset's folder; `..` of a path outside it is dropped. */
const placeOf = ({ root }: Dataset, path: string): string =>
  relative(root, path)
    .split(sep)
    .filter((part) => part !== "..")
    .join(sep);

function checkRemaining({ classes, examples }: Dataset, gone: ReadonlySet<string>): void {
  const left = classes.map(
    (_, label) => examples.filter((one) => one.label === label && isTraining(one.split) && !gone.has(one.path)).length,
  );
  const whole = classes.filter((_, label) => left[label]! >= FEWEST);
  if (whole.length === classes.length) return;
  const poor = left.findIndex((count) => count < FEWEST);
  const rest =
    whole.length === 1
      ? `only one class, "${whole[0]}", would be left to learn from`
      : whole.length === 0
        ? `no class would be left to learn from`
        : `"${classes[poor]}" would be left with ${left[poor]} training ${left[poor] === 1 ? "image" : "images"}`;
  throw dataError(
    `Nothing was moved, because ${gone.size} of ${examples.length} images would go and ${rest}: fix fewer findings with --only, or add images.`,
  );
}

// Moves images out of a dataset and back. The list of moves is written before the first file moves, so that a killed run can be undone.
// Each file is renamed, so that it is at one place or the other and never in part. If one cannot be moved, those before it are moved back.

/** The list of moves, in the quarantine's folder. */
export const UNDO_LIST = "undo.json";
const KIND = "graft quarantine 1";

interface UndoList {
  readonly kind: typeof KIND;
  readonly moves: readonly Move[];
}

/** Moves one file; replaceable for tests of failures. */
export type MoveFile = (from: string, to: string) => Promise<void>;

/**
 * Moves images into the quarantine.
 *
 * @param folder a folder that does not exist yet
 * @throws GraftError (`work`) if a folder is read-only or a file cannot be moved; then everything is where it was
 */
export async function quarantine(
  moves: readonly Move[],
  folder: string,
  moveFile: MoveFile = moveSafely,
): Promise<void> {
  await checkWritable(moves);
  await makeFolder(folder);
  await writeWhole(join(folder, UNDO_LIST), `${JSON.stringify({ kind: KIND, moves } satisfies UndoList, null, 1)}\n`);
  const done: Move[] = [];
  try {
    for (const move of moves) {
      await makeFolder(dirname(move.to));
      await moveFile(move.from, move.to);
      done.push(move);
    }
  } catch (error) {
    for (const { from, to } of done.toReversed()) await moveSafely(to, from);
    await removeEmptied(moves, folder);
    const at = moves[done.length]!;
    throw workError(
      `Could not move ${at.from} to ${at.to} (${codeOf(error) ?? "unknown error"}), so the ${done.length} files moved before were moved back: check the folder's permissions and run the command again.`,
      error,
    );
  }
}

/**
 * Moves the images of a quarantine back to where they were; those that never left are skipped.
 *
 * @returns how many were moved back
 * @throws GraftError (`usage`) if there is no list of moves, (`work`) if another file is at an image's original path
 */
export async function undoQuarantine(folder: string): Promise<number> {
  const moves = await readUndoList(join(folder, UNDO_LIST));
  const waiting: Move[] = [];
  for (const move of moves) if (await exists(move.to)) waiting.push(move);
  for (const { from } of waiting)
    if (await exists(from))
      throw workError(`${from} is now another file, so nothing was moved back: move that file away first.`);
  for (const { from, to } of waiting) {
    await makeFolder(dirname(from));
    await moveSafely(to, from);
  }
  await removeEmptied(moves, folder);
  return waiting.length;
}

async function readUndoList(path: string): Promise<readonly Move[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw usageError(`No list of moves at ${path}: pass a folder that \`graft audit --fix\` made.`, error);
  });
  const damaged = (): Error => dataError(`${path} is not a list of moves from \`graft audit --fix\`, or is damaged.`);
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw damaged();
  }
  if (!isUndoList(list)) throw damaged();
  return list.moves;
}

function isUndoList(value: unknown): value is UndoList {
  if (typeof value !== "object" || value === null || !("kind" in value) || !("moves" in value)) return false;
  if (value.kind !== KIND || !Array.isArray(value.moves)) return false;
  return value.moves.every(
    (move: unknown) =>
      typeof move === "object" &&
      move !== null &&
      ["from", "to"].every((key) => typeof (move as Record<string, unknown>)[key] === "string"),
  );
}

/** Checks that every folder that an image leaves is writable, before the first one leaves. */
async function checkWritable(moves: readonly Move[]): Promise<void> {
  for (const folder of new Set(moves.map(({ from }) => dirname(from)))) {
    await access(folder, constants.W_OK).catch((error: unknown) => {
      throw workError(
        `${folder} is read-only (${codeOf(error)}), so nothing was moved: make it writable, or copy the dataset and fix the copy.`,
        error,
      );
    });
  }
}

/**
 * Moves a file and never overwrites one. Across file systems it is copied and flushed under the new name before the old one is removed; a
 * link is moved as a link.
 */
async function moveSafely(from: string, to: string): Promise<void> {
  if (await exists(to)) throw workError(`${to} already exists.`);
  try {
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) !== "EXDEV") throw error;
    const temporary = `${to}.part`;
    await copyFile(from, temporary, constants.COPYFILE_EXCL);
    const file = await open(temporary, "r+");
    await file.sync().finally(() => file.close());
    await link(temporary, to).catch((failure: unknown) => {
      throw writeFailure(to, failure);
    });
    await unlink(temporary);
    await unlink(from);
  }
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** Removes the list and the empty folders. */
async function removeEmptied(moves: readonly Move[], folder: string): Promise<void> {
  await unlink(join(folder, UNDO_LIST)).catch(() => {});
  const folders = new Set<string>([folder]);
  for (const { to } of moves) for (let at = dirname(to); at.length > folder.length; at = dirname(at)) folders.add(at);
  for (const one of [...folders].sort((a, b) => b.length - a.length)) await rmdir(one).catch(() => {});
}

/** A folder beside the dataset that does not exist yet: `flowers-quarantine`, `flowers-quarantine-2` … */
export async function freeQuarantine(root: string): Promise<string> {
  for (let number = 1; ; number++) {
    const folder = `${root}-quarantine${number === 1 ? "" : `-${number}`}`;
    if (!(await exists(folder))) return folder;
  }
}
