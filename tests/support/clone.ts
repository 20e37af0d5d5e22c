/** A clone of the working tree in another folder: files that git tracks or would track, and the installed packages. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { linkFolder } from "../../scripts/support/link-folder.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The files of the working tree; undefined if git does not list them (no git, no repository). */
function files(): readonly string[] | undefined {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
  return status === 0 ? stdout.split("\0").filter((name) => name !== "") : undefined;
}

const listed = files();

/** Why there can be no clone, if there can be none. */
export const uncloneable: string | undefined = listed ? undefined : "git does not list the files here";

/** Makes the clone in a folder that does not exist. */
export function cloneInto(folder: string): void {
  for (const name of listed ?? []) {
    const target = join(folder, name);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, name), target);
  }
  linkFolder(join(root, "node_modules"), join(folder, "node_modules"));
  // A lock file that is younger than the packages would have them installed again.
  utimesSync(join(folder, "package-lock.json"), 0, 0);
}
