/**
 * Leases: a file in a cache folder that says that a process uses the folder, so that no other process removes it. Any number of
 * processes can use a folder at once. A lease of a process that was killed does not count.
 */
import { closeSync, openSync, rmSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, OWNER_PATTERN, ownerName, ownerText } from "./owner.ts";
import { keepFresh, SILENCE } from "./sign-of-life.ts";

const PREFIX = ".use-";
const pattern = new RegExp(`^\\.use-${OWNER_PATTERN}$`);

/** Whether a file is a lease, by its name. */
const isLease = (name: string): boolean => pattern.test(name);

/** Marks a folder as used until the returned function is called. Does nothing on a read-only disk. */
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

/** The processes that use a folder, in words. Removes leases of processes that have ended. */
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
