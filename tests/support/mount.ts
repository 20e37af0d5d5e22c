/** Small and read-only disks for tests, where this user may mount one. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

export interface Mounted {
  remount(options: string): void;
  unmount(): void;
}

/** Mounts a disk in memory at `folder`; undefined if that is not permitted. */
export function mountAt(folder: string, options: string): Mounted | undefined {
  mkdirSync(folder, { recursive: true });
  const run = (command: string, ...words: string[]): void => {
    execFileSync(command, words, { stdio: "ignore" });
  };
  try {
    run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder);
  } catch {
    return undefined;
  }
  return {
    remount: (other) => run("mount", "-o", `remount,${other}`, folder),
    unmount: () => run("umount", folder),
  };
}

/** Why a test that needs {@link mountAt} was skipped. */
export const NO_MOUNT = "mounting a tmpfs is not permitted here";
