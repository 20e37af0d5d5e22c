/**
 * "In use": a mark in a folder of the cache that says that a process works with it, so that nobody else takes the folder away.
 * Any number of processes may use a folder at once. What a killed process left counts for nothing.
 */
import { closeSync, openSync, rmSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, OWNER_PATTERN, ownerName, ownerText } from "./owner.ts";
import { keepFresh, SILENCE } from "./sign-of-life.ts";

const PREFIX = ".use-";
const pattern = new RegExp(`^\\.use-${OWNER_PATTERN}$`);

/** Whether a file is such a mark. */
const isLease = (name: string): boolean => pattern.test(name);

/** Marks a folder as used until the function that it returns is called. On a disk that cannot be written there is no mark. */
export function takeLease(folder: string): () => void {
  const path = join(folder, PREFIX + ownerName());
  try {
    closeSync(openSync(path, "wx"));
  } catch {
    return () => {};
  }
  const stop = keepFresh(path);
  return () => {
    stop();
    rmSync(path, { force: true });
  };
}

/** Who uses a folder, in words; the marks of the dead are removed. */
export async function usersOf(folder: string): Promise<string[]> {
  const users: string[] = [];
  for (const name of await readdir(folder).catch((): string[] => [])) {
    if (!isLease(name)) continue;
    const path = join(folder, name);
    const owner = name.slice(PREFIX.length);
    const seen = await stat(path).catch(() => undefined);
    if (seen && isAlive(owner, seen.mtimeMs, SILENCE)) users.push(ownerText(owner));
    else await rm(path, { force: true }).catch(() => {});
  }
  return users;
}
