/**
 * The environment of a training in Node: files, caches on disk, the machine's memory, threads. Includes the boundary cache, which stores the
 * frozen part's outputs for later epochs and runs; the other caches are in features/.
 */
import { createHash } from "node:crypto";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../base/cache-folder.ts";
import { makeFolder, sha256 } from "../base/files.ts";
import { backboneModel, type CutShape, preparationModel } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import { openModel } from "../onnx/session/mapped-model.ts";
import type { Environment, Signatures, StorageBudget } from "./environment.ts";
import { noteAbout, openReadings, recordsOf, rememberedCuts } from "./features/feature-cache.ts";
import { passing } from "./features/features-at-hand.ts";
import { knownCopies } from "./features/image-groups.ts";
import type { RecordKey, RecordStore } from "./features/images-and-records.ts";
import { lanesFor, startLanes } from "./features/lanes.ts";
import { openRecordCache } from "./features/record-files.ts";
import { measuresOf, openTraitCache } from "./features/trait-cache.ts";
import { openCheckpoints } from "./finetune/checkpoint.ts";
import { type Boundary, storedBytes } from "./finetune/trainable-part.ts";
import { type FrozenFeatures, frozenFeatures } from "./frozen.ts";

/** The parent of all boundary caches. */
export const boundaryCaches = (): string => join(cacheFolder(), "boundary");

/** The cache folder of a network, boundary and preprocessing; a record's key names the image, policy and seed. */
function folderOf({ sha256: weights, cut, preprocessing }: Network, { tensor, stored }: Boundary): string {
  const key = JSON.stringify([weights, cut, tensor, stored, sha256(preparationModel(preprocessing)), passing.batch]);
  return join(boundaryCaches(), sha256(key).slice(0, 32));
}

const keyOf = ({ digest, view }: RecordKey): Buffer =>
  createHash("sha256").update(Buffer.from(digest, "hex")).update(view).digest();

/** Opens the cache of a boundary. The operating system's page cache keeps records in memory as far as they fit. */
export async function openBoundaryCache(network: Network, boundary: Boundary): Promise<RecordStore> {
  const folder = folderOf(network, boundary);
  const records = await openRecordCache(folder, storedBytes(boundary));
  await noteAbout(folder, `${network.name} at ${boundary.called}, ${boundary.stored}`);
  return {
    find: (key) => records.find(keyOf(key)),
    add: (keys, values) => records.add(keys.map(keyOf), values),
    read: records.read,
    close: records.close,
  };
}

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
