/** Where a network's features are stored on this disk: one folder for each network, cut and preprocessing, shared by all who need them. */
import { join } from "node:path";
import * as v from "valibot";
import { cacheFolder } from "../../base/cache.ts";
import { sha256 } from "../../base/files.ts";
import { readSealedJson, writeSealedJson } from "../../base/sealed.ts";
import { type Cut, type CutShape, measureCut } from "../../zoo/backbone.ts";
import { measureCuts } from "../../zoo/cuts.ts";
import type { Network } from "../../zoo/network.ts";
import { type Pooling, poolings } from "../../zoo/pooling.ts";
import { preparationModel } from "../../zoo/preparation.ts";
import { noteAbout } from "./about.ts";
import { type FeatureCache, openFeatureCache } from "./cache.ts";

/** The file of the shape at the cut, beside the features. */
export const SHAPE = "cut.json";

/** Opens the cache of a network's features, with the shape at its cut. To be closed by the caller. */
export async function openFeaturesOf(network: Network): Promise<{ shape: CutShape; cache: FeatureCache }> {
  const folder = featureFolder(network);
  const shape = await rememberedShape(network, folder);
  const cache = await openFeatureCache(folder, shape.features);
  await noteAbout(folder, `${network.name} at ${network.cut}`);
  return { shape, cache };
}

/** The parent of all feature caches. */
export const featureCaches = (): string => join(cacheFolder(), "features");

/**
 * The cache's folder for a network, cut and preprocessing: the very graph of it, so that a change of it counts.
 *
 * @param view whose features they are: of the images as they are, or of their mirror images
 */
export function featureFolder(
  { sha256: weights, cut, preprocessing }: Pick<Network, "sha256" | "cut" | "preprocessing">,
  view: "plain" | "mirror" = "plain",
): string {
  const key = [weights, cut, sha256(preparationModel(preprocessing)), ...(view === "mirror" ? [view] : [])];
  return join(featureCaches(), sha256(JSON.stringify(key)).slice(0, 32));
}

const shapeEntries = {
  pooling: v.picklist(Object.keys(poolings) as Pooling[]),
  features: v.pipe(v.number(), v.integer(), v.minValue(1)),
  why: v.exactOptional(v.string()),
};

const shapeSchema: v.GenericSchema<unknown, CutShape> = v.object(shapeEntries);

/** The other cuts of a network are kept with the shape of its own: which they are, and of what list of the network's. */
const cutsSchema = v.object({
  ...shapeEntries,
  listed: v.nullable(v.array(v.string())),
  others: v.array(v.object({ tensor: v.string(), shape: shapeSchema })),
});

const memoryOf = ({ name }: Network): string => `What is known of the cut of ${name}`;

/** The shape at the cut, measured once and kept beside the features. */
async function rememberedShape(network: Network, folder: string): Promise<CutShape> {
  const path = join(folder, SHAPE);
  const known = await readSealedJson(path, shapeSchema, memoryOf(network));
  if (known) return known;
  const shape = await measureCut(network);
  await writeSealedJson(path, shape);
  return shape;
}

/** A network's cut, then the others that it may have ({@link otherCuts}), measured once and kept beside the features. */
export async function rememberedCuts(network: Network): Promise<readonly [Cut, ...Cut[]]> {
  const path = join(featureFolder(network), SHAPE);
  const listed = network.cuts ?? null;
  const known = await readSealedJson(path, cutsSchema, memoryOf(network));
  if (known && JSON.stringify(known.listed) === JSON.stringify(listed)) {
    const { others, listed: _, ...shape } = known;
    return [{ tensor: network.cut, shape }, ...others];
  }
  const { own, others } = await measureCuts(network);
  await writeSealedJson(path, { ...own.shape, listed, others });
  return [own, ...others];
}
