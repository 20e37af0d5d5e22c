/**
 * Partial files: names for files that are being written, and the removal of those that a killed process left. Removes only files
 * with such a name, and only if their writer has ended.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isAlive, OWNER_PATTERN, ownerName } from "./owner.ts";

/** If a writer cannot be checked, a file that it has not touched for this long counts as abandoned, in milliseconds. */
const ABANDONED = 24 * 3_600_000;

const pattern = new RegExp(`^\\.graft-${OWNER_PATTERN}\\.part$`);

/** Whether a file is a partial file, by its name. */
export const isPart = (name: string): boolean => pattern.test(name);

/** A new path in a folder for a file that this process writes there. */
export const partPath = (folder: string): string => join(folder, `.graft-${ownerName()}.part`);

/** The partial files in a folder whose writers have ended. */
export async function leftOverParts(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder).catch((): string[] => [])) {
    if (!isPart(name)) continue;
    const path = join(folder, name);
    const seen = await stat(path).catch(() => undefined);
    if (seen && !isAlive(name.slice(".graft-".length), seen.mtimeMs, ABANDONED)) found.push(path);
  }
  return found;
}

const swept = new Set<string>();

/** Removes abandoned partial files in a folder, the first time that this process writes there. */
export async function sweepOnce(folder: string): Promise<void> {
  const key = resolve(folder);
  if (swept.has(key)) return;
  swept.add(key);
  for (const path of await leftOverParts(folder)) await rm(path, { recursive: true, force: true }).catch(() => {});
}
