/**
 * Figures that hold on one kind of machine only, in the cache: several machines may share it. What the figures are is decided by those
 * who store them.
 */
import { cpus } from "node:os";
import { join } from "node:path";
import type * as v from "valibot";
import { cacheFolder } from "./cache-folder.ts";
import { sha256 } from "./files.ts";
import { withLock } from "./lock.ts";
import { readSealedJson, writeSealedJson } from "./sealed.ts";

/** Identifies a kind of machine: equal on machines with the same processor and number of cores. Safe in a file name. */
function machineKey(): string {
  const cores = cpus();
  return sha256(`${cores[0]?.model}×${cores.length}`).slice(0, 16);
}

/** One value per kind of machine. */
export interface MachineStore<T> {
  /** The stored value, or the initial one if nothing is stored or the file is damaged. */
  read(): Promise<T>;
  /** Replaces the value. Safe while other processes do the same. */
  update(change: (value: T) => T): Promise<void>;
}

/**
 * The store in the folder `kind` of the cache.
 *
 * @param what names the value in notices, as the beginning of a sentence
 */
export function machineStore<T>(
  kind: string,
  what: string,
  schema: v.GenericSchema<unknown, T>,
  initial: T,
): MachineStore<T> {
  const path = (): string => join(cacheFolder(), kind, `${machineKey()}.json`);
  const read = async (): Promise<T> => (await readSealedJson(path(), schema, what)) ?? initial;
  return {
    read,
    update: (change) =>
      withLock(`${path()}.lock`, { whenHeld: "wait" }, async () => writeSealedJson(path(), change(await read()))),
  };
}
