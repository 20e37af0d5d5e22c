/**
 * How many pictures a second networks ran at on this machine, remembered from the trainings that were done here.
 * Nothing is measured in this file.
 */
import { join } from "node:path";
import * as v from "valibot";
import { cacheFolder } from "../base/cache.ts";
import { withLock } from "../base/lock.ts";
import { machineKey } from "../base/machine.ts";
import { readSealedJson, writeSealedJson } from "../base/sealed.ts";

/** Fewer pictures than this say little: the first batches are slow. */
export const FEWEST_PICTURES = 64;

const speedsPath = (): string => join(cacheFolder(), "speeds", `${machineKey()}.json`);

const schema = v.record(v.string(), v.pipe(v.number(), v.finite(), v.gtValue(0)));

/** Images a second by the network's name; empty where nothing was measured on this kind of machine. */
export async function knownSpeeds(): Promise<ReadonlyMap<string, number>> {
  const found = await readSealedJson(speedsPath(), schema, "The memory of networks' speeds");
  return new Map(Object.entries(found ?? {}));
}

/** Remembers a network's speed, unless too few pictures were computed to tell. */
export async function rememberSpeed(network: string, pictures: number, imagesPerSecond: number): Promise<void> {
  if (pictures < FEWEST_PICTURES || !(imagesPerSecond > 0 && Number.isFinite(imagesPerSecond))) return;
  const path = speedsPath();
  await withLock(`${path}.lock`, { whenHeld: "wait" }, async () => {
    const known = new Map(await knownSpeeds()).set(network, imagesPerSecond);
    await writeSealedJson(path, Object.fromEntries(known));
  });
}
