/**
 * Replacing several files of a folder as one. All new files are written into a hidden folder beside the old ones and brought to
 * the disk; renaming that hidden folder is the moment at which they count; then each is moved to its place. A process that is
 * killed before that moment leaves the old files, and one that is killed after it leaves the new ones, some of which are still
 * to be moved: whoever opens the folder next does so.
 *
 *     FOLDER/.graft-files/new-ID/NAME     being written; removed by the next writer
 *     FOLDER/.graft-files/ready-ID/NAME   written; to be moved to FOLDER/NAME
 *
 * Moving is the same whoever does it and however often, so readers need no lock. Writers take one.
 */
import { lstat, readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, workError } from "./errors.ts";
import { type Content, flushFolder, makeFolder, writeFailure, writeNew } from "./files.ts";
import { withLock } from "./lock.ts";
import { ownerName } from "./owner.ts";

const AREA = ".graft-files";
const [NEW, READY] = ["new-", "ready-"];

/** Where the files of a folder are. */
export interface Settled {
  /** The path to read a file by: its own, or, where it could not be moved there (a read-only disk), the one it waits at. */
  path(name: string): string;
}

/**
 * Replaces files of a folder, all or none. Files with other names are left alone.
 *
 * @param names every name that may ever be replaced together in this folder; `files` has some of them
 * @param onStep called before every step; for tests, which stop there
 * @throws GraftError (`work`) where the disk refuses; the old files are then as they were
 */
export async function replaceTogether(
  folder: string,
  names: readonly string[],
  files: ReadonlyMap<string, Content>,
  onStep: (step: string) => void | Promise<void> = () => {},
): Promise<void> {
  await makeFolder(folder);
  await withLock(join(folder, `${AREA}.lock`), { whenHeld: "wait" }, () => replaceAlone(folder, names, files, onStep));
}

/** {@link replaceTogether} for a caller who knows that nobody else writes. */
export async function replaceAlone(
  folder: string,
  names: readonly string[],
  files: ReadonlyMap<string, Content>,
  onStep: (step: string) => void | Promise<void> = () => {},
): Promise<void> {
  await settle(folder, names);
  const area = join(folder, AREA);
  const id = `${String(Date.now()).padStart(15, "0")}-${ownerName()}`;
  const stage = join(area, NEW + id);
  try {
    for (const name of files.keys()) await refuseFolder(join(folder, name));
    await onStep("stage");
    await removeUnfinished(area);
    // At once: a reader that tidies up may remove an area that has nothing in it.
    await makeFolder(stage);
    for (const [name, content] of files) {
      await onStep(`write ${name}`);
      await writeNew(join(stage, name), content);
    }
    await onStep("flush");
    for (const one of [stage, area, folder]) await flushFolder(one);
    await onStep("commit");
    await rename(stage, join(area, READY + id));
  } catch (error) {
    await rm(stage, { recursive: true, force: true }).catch(() => {});
    await rmdir(area).catch(() => {});
    throw writeFailure(folder, error);
  }
  await onStep("flush the commit");
  await flushFolder(area).catch(() => {});
  const waiting = await moveAll(folder, names, onStep);
  if (waiting.size > 0) {
    const [[name, path]] = [...waiting] as [[string, string]];
    throw workError(
      `Could not move the new ${name} into ${folder} (is the old one open in another program?): it waits in ${path}, and the next graft command on that folder moves it.`,
    );
  }
}

/**
 * Moves to their places the files of a replacement that was not finished. Costs one look at the folder where there is none.
 *
 * @param names as of {@link replaceTogether}; nothing else is ever moved
 */
export async function settle(folder: string, names: readonly string[]): Promise<Settled> {
  const waiting = await moveAll(folder, names, () => {});
  return { path: (name) => waiting.get(name) ?? join(folder, name) };
}

/** Moves what is ready; what comes out is where the files are that could not be moved, by name. */
async function moveAll(
  folder: string,
  names: readonly string[],
  onStep: (step: string) => void | Promise<void>,
): Promise<ReadonlyMap<string, string>> {
  const waiting = new Map<string, string>();
  const area = join(folder, AREA);
  const found = await foldersIn(area, READY);
  for (const ready of found ?? []) {
    const from = join(area, ready);
    for (const name of names) {
      await onStep(`move ${name}`);
      if (!(await move(join(from, name), join(folder, name)))) waiting.set(name, join(from, name));
      else waiting.delete(name);
    }
    if (waiting.size > 0) continue;
    await onStep("flush the moves");
    await flushFolder(folder).catch(() => {});
    await onStep("clean up");
    await rmdir(from).catch(() => {});
  }
  if (found) {
    await onStep("clean up the area");
    // Stays where something is in it.
    await rmdir(area).catch(() => {});
  }
  return waiting;
}

/** Folders of that kind, the oldest first; nothing where there is no area. Links are passed over: they could lead anywhere. */
async function foldersIn(area: string, prefix: string): Promise<string[] | undefined> {
  const isOwn = await lstat(area).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isOwn) return undefined;
  const entries = await readdir(area, { withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory() && entry.name.startsWith(prefix))
    .map(({ name }) => name)
    .sort();
}

/** What killed writers left; only for the one who holds the lock. */
async function removeUnfinished(area: string): Promise<void> {
  for (const name of (await foldersIn(area, NEW)) ?? []) await rm(join(area, name), { recursive: true, force: true });
}

/** How often a move is tried where the system will not replace a file that another program has open. */
const TRIES = 20;
const busy = new Set(["EPERM", "EACCES", "EBUSY"]);

/** Moves a file; false where it is there and cannot be moved. Others may be moving it at the same time. */
async function move(from: string, to: string): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const found = await lstat(from).catch(() => undefined);
    if (!found?.isFile()) return true;
    try {
      await rename(from, to);
      return true;
    } catch (error) {
      const code = codeOf(error) ?? "";
      if (code === "ENOENT") return true;
      const again = process.platform === "win32" && busy.has(code) && attempt < TRIES;
      if (!again) return false;
      await sleep(25 * attempt);
    }
  }
}

async function refuseFolder(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory())
    throw workError(
      `Could not write ${path}: a folder of that name is in the way: rename it, or choose another folder.`,
    );
}
