/**
 * Replaces several files of a folder as one. All new files are written into a hidden folder beside the old ones and flushed.
 * Renaming the hidden folder commits them; then each file is moved to its place. A process that is killed before the commit
 * leaves the old files. One that is killed after it leaves the new files, and the next process that opens the folder moves the
 * rest.
 *
 *     FOLDER/.graft-files/new-ID/NAME     being written; removed by the next writer
 *     FOLDER/.graft-files/ready-ID/NAME   committed; will be moved to FOLDER/NAME
 *
 * Moving can be repeated by any process without harm, so readers need no lock. Writers take one.
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
  /** The path to read a file from: its place, or, if it could not be moved there (a read-only disk), where it waits. */
  path(name: string): string;
}

/**
 * Replaces files of a folder, all or none. Leaves files with other names alone.
 *
 * @param names every name that is ever replaced together in this folder; `files` has some of them
 * @param onStep called before every step; for tests that stop there
 * @throws GraftError (`work`) if the disk refuses; the old files are then unchanged
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

/** {@link replaceTogether} for a caller that knows that no other process writes to the folder. */
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
    // Without a wait in between: a reader that cleans up may remove an empty area.
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
 * Finishes an interrupted replacement by moving its files to their places. Costs one look at the folder if there is none.
 *
 * @param names as for {@link replaceTogether}; nothing else is moved
 */
export async function settle(folder: string, names: readonly string[]): Promise<Settled> {
  const waiting = await moveAll(folder, names, () => {});
  return { path: (name) => waiting.get(name) ?? join(folder, name) };
}

/** Moves committed files. Returns the paths of those that could not be moved, by name. */
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
    // Fails if something is in it.
    await rmdir(area).catch(() => {});
  }
  return waiting;
}

/** The folders with this prefix, oldest first; undefined if there is no area. Ignores links, which could lead anywhere. */
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

/** Removes what killed writers left. Call it only while holding the lock. */
async function removeUnfinished(area: string): Promise<void> {
  for (const name of (await foldersIn(area, NEW)) ?? []) await rm(join(area, name), { recursive: true, force: true });
}

/** How often to try a move if the system does not replace a file that another program has open. */
const TRIES = 20;
const busy = new Set(["EPERM", "EACCES", "EBUSY"]);

/** Moves a file; false if it exists and cannot be moved. Other processes may be moving it at the same time. */
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
