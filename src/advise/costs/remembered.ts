/** What networks cost on this kind of machine, remembered from one time to the next. Nothing is measured in this file. */
import { join } from "node:path";
import * as v from "valibot";
import { cacheFolder } from "../../base/cache.ts";
import { withLock } from "../../base/lock.ts";
import { machineKey } from "../../base/machine.ts";
import { readSealedJson, writeSealedJson } from "../../base/sealed.ts";
import type { Measured } from "./cost.ts";

/** A network's figures with what they are of. */
export interface Remembered extends Measured {
  readonly name: string;
  /** Of the network's file, and the tensor that it was cut at: other weights, another cut, other figures. */
  readonly sha256: string;
  readonly cut: string;
  /** Of one picture, where the catalogue says it: predictions for others are made of it. */
  readonly multiplyAdds?: number | undefined;
}

const costsPath = (): string => join(cacheFolder(), "costs", `${machineKey()}.json`);

const figure = v.pipe(v.number(), v.finite(), v.gtValue(0));
const schema: v.GenericSchema<unknown, Remembered[]> = v.array(
  v.object({
    name: v.string(),
    sha256: v.string(),
    cut: v.string(),
    multiplyAdds: v.exactOptional(figure),
    latencyMs: figure,
    p95LatencyMs: figure,
    memoryBytes: figure,
    imagesPerSecond: figure,
    overallPerSecond: figure,
  }),
);

/** All that is known of this kind of machine; a damaged memory is none. */
export const rememberedCosts = async (): Promise<readonly Remembered[]> =>
  (await readSealedJson(costsPath(), schema, "The memory of networks' costs")) ?? [];

/** Remembers a network's figures in place of earlier ones. */
export async function rememberCost(cost: Remembered): Promise<void> {
  await withLock(`${costsPath()}.lock`, { whenHeld: "wait" }, async () => {
    const others = (await rememberedCosts()).filter(({ sha256, cut }) => sha256 !== cost.sha256 || cut !== cost.cut);
    await writeSealedJson(costsPath(), [...others, cost]);
  });
}
