/** The environment of a training in Node: files, the cache on disk, the machine's memory, threads. */
import { statfs } from "node:fs/promises";
import { makeFolder } from "../base/files.ts";
import { openModel } from "../runtime/open-model.ts";
import { backboneModel, type CutShape } from "../zoo/backbone.ts";
import type { Network } from "../zoo/network.ts";
import type { Environment, Signatures, StorageBudget } from "./environment.ts";
import { recordsOf } from "./features/cache.ts";
import { knownCopies } from "./features/known-copies.ts";
import { lanesFor, startLanes } from "./features/lanes.ts";
import { rememberedCuts } from "./features/of-network.ts";
import { openReadings } from "./features/readings.ts";
import { measuresOf, openTraitCache } from "./features/trait-cache.ts";
import { passing } from "./files.ts";
import { boundaryCaches, openBoundaryCache } from "./finetune/boundary-cache.ts";
import { openCheckpoints } from "./finetune/resume.ts";
import { type FrozenFeatures, frozenFeatures } from "./frozen-part.ts";

/** Shares of what is free that records may take. */
const DISK_SHARE = 1 / 4;
const MEMORY_SHARE = 1 / 2;

export const nodeEnvironment: Environment = {
  ...passing,
  open: openModel,
  startLanes(model, settings) {
    const count = lanesFor(model);
    return count > 1 ? startLanes(model, { ...settings, count }) : undefined;
  },
  halfPrecision: true,
  // Within the container's limit.
  memoryBudget: () => process.availableMemory(),
  storageBudget,
  cutsOf: rememberedCuts,
  openFeatures: async (network, readings) => recordsOf(await openReadings(network, readings)),
  openBoundary: openBoundaryCache,
  openSignatures,
  openCheckpoints,
};

async function storageBudget(): Promise<StorageBudget> {
  await makeFolder(boundaryCaches());
  const { bavail, bsize } = await statfs(boundaryCaches());
  return { disk: bavail * bsize * DISK_SHARE, memory: nodeEnvironment.memoryBudget() * MEMORY_SHARE };
}

async function openSignatures(): Promise<Signatures> {
  const traits = await openTraitCache();
  return {
    ...measuresOf(traits),
    async of(images, told) {
      const files = images.map(({ source, digest }) => ({ path: source.name, sha256: Buffer.from(digest, "hex") }));
      return (await traits.traitsOf(files, told)).map(({ signature }) => signature);
    },
    known: knownCopies,
    close: traits.close,
  };
}

/** A network up to its features, cut as it says. To be closed by the caller. */
export const openBackbone = (network: Network, shape: CutShape): FrozenFeatures =>
  frozenFeatures(network, () => backboneModel(network, shape), nodeEnvironment);
