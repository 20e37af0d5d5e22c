/** Stores what networks cost and how fast they run on this kind of machine, in the cache. Measures nothing. */
import * as v from "valibot";
import { machineStore } from "../../base/machine.ts";
import type { Measured } from "./cost.ts";

/** The measured costs of a network. */
export interface Remembered extends Measured {
  readonly name: string;
  /** SHA-256 of the network's file, and the tensor where it was cut: both determine the costs. */
  readonly sha256: string;
  readonly cut: string;
  /** For one image, if the catalogue states it; predictions for other networks are based on it. */
  readonly multiplyAdds?: number | undefined;
}

const figure = v.pipe(v.number(), v.finite(), v.gtValue(0));
const costSchema: v.GenericSchema<unknown, Remembered[]> = v.array(
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

const costs = machineStore("costs", "The stored costs of networks", costSchema, []);

/** All costs that were measured on this kind of machine. */
export const rememberedCosts = (): Promise<readonly Remembered[]> => costs.read();

/** Stores a network's costs, replacing earlier ones. */
export const rememberCost = (cost: Remembered): Promise<void> =>
  costs.update((all) => [...all.filter(({ sha256, cut }) => sha256 !== cost.sha256 || cut !== cost.cut), cost]);

/** The fewest images that determine a speed: the first batches are slow. */
export const MIN_IMAGES = 64;

const speeds = machineStore("speeds", "The stored speeds of networks", v.record(v.string(), figure), {});

/** Images per second by the network's name, as measured by trainings on this kind of machine. */
export const knownSpeeds = async (): Promise<ReadonlyMap<string, number>> =>
  new Map(Object.entries(await speeds.read()));

/** Stores a network's speed, unless it was measured on fewer than {@link MIN_IMAGES} images. */
export async function rememberSpeed(network: string, images: number, imagesPerSecond: number): Promise<void> {
  if (images < MIN_IMAGES || !(imagesPerSecond > 0 && Number.isFinite(imagesPerSecond))) return;
  await speeds.update((all) => ({ ...all, [network]: imagesPerSecond }));
}
