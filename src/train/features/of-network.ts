/** Where a network's features lie on this disk: one folder a network, cut and preprocessing, shared by all who need them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { sha256, writeWhole } from "../../base/files.ts";
import { type CutShape, measureCut } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { type FeatureCache, openFeatureCache } from "./cache.ts";
import { preparationModel } from "./runner.ts";

/** Opens the cache of a network's features, with the shape at its cut. To be closed by the caller. */
export async function openFeaturesOf(network: Network): Promise<{ shape: CutShape; cache: FeatureCache }> {
  const folder = featureFolder(network);
  const shape = await rememberedShape(network, folder);
  return { shape, cache: await openFeatureCache(folder, shape.features) };
}

/** The cache's folder for a network, cut and preprocessing: the very graph of it, so that a change of it counts. */
function featureFolder({ sha256: weights, cut, preprocessing }: Network): string {
  const key = JSON.stringify([weights, cut, sha256(preparationModel(preprocessing))]);
  return join(cacheFolder(), "features", sha256(key).slice(0, 32));
}

/** The shape at the cut, measured once and kept beside the features. */
async function rememberedShape(network: Network, folder: string): Promise<CutShape> {
  const path = join(folder, "cut.json");
  const known = await readFile(path, "utf8").catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as CutShape;
  const shape = await measureCut(network);
  await writeWhole(path, JSON.stringify(shape));
  return shape;
}
