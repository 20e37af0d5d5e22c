/** Stores the costs of networks on this kind of machine in the cache. Measures nothing. */
import { join } from "node:path";
import * as v from "valibot";
import { cacheFolder } from "../../base/cache.ts";
import { withLock } from "../../base/lock.ts";
import { machineKey } from "../../base/machine.ts";
import { readSealedJson, writeSealedJson } from "../../base/sealed.ts";
import type { Measured } from "./cost.ts";

/** A network's cost, and the network it belongs to. */
export interface Remembered extends Measured {
  readonly name: string;
  /** SHA-256 of the network's file, and the tensor that it was cut at: other weights or another cut have other costs. */
  readonly sha256: string;
  readonly cut: string;
  /** Multiply-adds per image, if the catalogue has them: the basis of predictions for other networks. */
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

/** All costs known for this kind of machine; empty if the file is damaged. */
export const rememberedCosts = async (): Promise<readonly Remembered[]> =>
  (await readSealedJson(costsPath(), schema, "The stored costs of networks")) ?? [];

/** Stores a network's cost, replacing an earlier one. */
export async function rememberCost(cost: Remembered): Promise<void> {
  await withLock(`${costsPath()}.lock`, { whenHeld: "wait" }, async () => {
    const others = (await rememberedCosts()).filter(({ sha256, cut }) => sha256 !== cost.sha256 || cut !== cost.cut);
    await writeSealedJson(costsPath(), [...others, cost]);
  });
}
