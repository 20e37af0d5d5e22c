/** What a run's folder has in it. Anybody may have made it: only plain files of bounded size and real folders are used, no links. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isBoundedJson } from "../../base/json-bounds.ts";
import { systemReason } from "../../base/system-errors.ts";
import { named } from "../../base/text.ts";
import { runBounds, runFileLimits, runFiles } from "../../run/run-files.ts";
import { RUN_LOCK } from "../../run/run-folder.ts";
import { readPlain } from "../project/own-files.ts";

/** Files of the studio's, and of `graft train`. */
export const files = {
  ...runFiles,
  record: "run.json",
  events: "events.log",
  output: "output.json",
  lock: RUN_LOCK,
  /** Made to ask the training to stop. */
  stop: "stop",
} as const;

const MiB = 2 ** 20;

/** JSON of so many bytes takes little memory, whatever its structure. */
const UNCHECKED = 2 * MiB;

/** Why nothing in a run's folder is read; nothing where all is well or there is no such folder. */
export async function faultOf(folder: string): Promise<string | undefined> {
  const found = await lstat(folder).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isDirectory()) return "it is not a folder of its own";
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile() && !entry.isDirectory()) return `its ${named(entry.name)} is a link or a pipe, not a file`;
      const limit = runFileLimits.get(entry.name);
      if (limit === undefined) continue;
      const path = join(folder, entry.name);
      const { size } = await lstat(path);
      if (size > limit) return `its ${entry.name} has more than ${limit / MiB} MiB`;
      if (size <= UNCHECKED || !entry.name.endsWith(".json")) continue;
      const bytes = await readPlain(path, limit);
      if (bytes && !isBoundedJson(bytes, runBounds)) return `its ${entry.name} has more values than Graft writes there`;
    }
    return undefined;
  } catch (error) {
    return systemReason(error, "read");
  }
}
