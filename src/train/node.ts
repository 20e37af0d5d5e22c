/** The environment of a training in Node: files, caches on disk, the machine's memory, threads. The caches are in features/. */
import { statfs } from "node:fs/promises";
import { makeFolder } from "../base/files.ts";
import { backboneModel, type CutShape } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import { openModel } from "../onnx/session/mapped-model.ts";
import type { Environment, Signatures, StorageBudget } from "./environment.ts";
import { boundaryCaches, openBoundaryCache } from "./features/boundary-cache.ts";
import { openReadings, recordsOf, rememberedCuts } from "./features/feature-cache.ts";
import { passing } from "./features/image-files.ts";
import { knownCopies } from "./features/known-copies.ts";
import { lanesFor, startLanes } from "./features/lanes.ts";
import { measuresOf, openTraitCache } from "./features/trait-cache.ts";
import { openCheckpoints } from "./finetune/checkpoint.ts";
import { type FrozenFeatures, frozenFeatures } from "./frozen.ts";

/** The shares of free disk space and memory that records may use. */
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
  // Respects the container's limit.
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
    async of(images, listening) {
      const files = images.map(({ source, digest }) => ({ path: source.name, sha256: Buffer.from(digest, "hex") }));
      return (await traits.traitsOf(files, listening)).map(({ signature }) => signature);
    },
    known: knownCopies,
    close: traits.close,
  };
}

/** Opens a network up to its features, at its own cut. The caller closes it. */
export const openBackbone = (network: Network, shape: CutShape): FrozenFeatures =>
  frozenFeatures(network, () => backboneModel(network, shape), nodeEnvironment);
