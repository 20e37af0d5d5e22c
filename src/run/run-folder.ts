/** The folder of a run while somebody is at work on it: made, locked, and what a training leaves there until it has ended. */
import { AsyncLocalStorage } from "node:async_hooks";
import { join, resolve } from "node:path";
import { inFolder } from "../base/files.ts";
import { withLock } from "../base/lock.ts";

/** The lock of a run's folder. */
export const RUN_LOCK = ".graft-lock";

/** What a stopped fine-tuning leaves, and a finished one does not. */
export const CHECKPOINT = "checkpoint.safetensors";

const held = new AsyncLocalStorage<string>();

/**
 * Does work in the folder `out`, which is made where it is missing and locked meanwhile. Inside such work on the same folder it
 * only does the work: a command that trains holds the folder, and saving takes it too.
 *
 * @throws GraftError (`work`) where another process is at work there (code `in-use`), or where the disk refuses
 */
export async function inRunFolder<T>(out: string, work: () => Promise<T>): Promise<T> {
  const folder = resolve(out);
  if (held.getStore() === folder) return work();
  const options = { whenHeld: "fail", what: `the folder ${out}` } as const;
  return inFolder(out, () => withLock(join(out, RUN_LOCK), options, () => held.run(folder, work)));
}
