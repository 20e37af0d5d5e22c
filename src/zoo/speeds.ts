/**
 * How many pictures a second networks ran at on this machine, remembered from the trainings that were done here.
 * Nothing is measured in this file.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../base/cache.ts";
import { writeWhole } from "../base/files.ts";
import { withLock } from "../base/lock.ts";
import { machineKey } from "../base/machine.ts";

/** Fewer pictures than this say little: the first batches are slow. */
export const FEWEST_PICTURES = 64;

const speedsPath = (): string => join(cacheFolder(), "speeds", `${machineKey()}.json`);

/** Images a second by the network's name; empty where nothing was measured on this kind of machine. */
export async function knownSpeeds(): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(speedsPath(), "utf8").catch(() => "{}");
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    // A damaged memory is none.
    return new Map();
  }
  const speeds = Object.entries(typeof found === "object" && found !== null ? found : {});
  return new Map(speeds.filter((entry): entry is [string, number] => Number.isFinite(entry[1])));
}

/** Remembers a network's speed, unless too few pictures were computed to tell. */
export async function rememberSpeed(network: string, pictures: number, imagesPerSecond: number): Promise<void> {
  if (pictures < FEWEST_PICTURES || !Number.isFinite(imagesPerSecond)) return;
  const path = speedsPath();
  await withLock(`${path}.lock`, { whenHeld: "wait" }, async () => {
    const known = new Map(await knownSpeeds()).set(network, imagesPerSecond);
    await writeWhole(path, JSON.stringify(Object.fromEntries(known)));
  });
}
