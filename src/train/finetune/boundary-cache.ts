/** The boundary cache: what the frozen part outputs for views of images, on disk, where a later epoch or run finds it. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { sha256 } from "../../base/files.ts";
import type { Network } from "../../zoo/network.ts";
import { preparationModel } from "../../zoo/preparation.ts";
import { noteAbout } from "../features/about.ts";
import type { RecordKey, RecordStore } from "../features/record-store.ts";
import { openRecordCache } from "../features/records.ts";
import { passing } from "../files.ts";
import { type Boundary, storedBytes } from "./trainable-part.ts";

/** The parent of all boundary caches. */
export const boundaryCaches = (): string => join(cacheFolder(), "boundary");

/** The cache's folder for a network, boundary and preprocessing; a record's key names the image, policy and seed. */
function folderOf({ sha256: weights, cut, preprocessing }: Network, { tensor, stored }: Boundary): string {
  const key = JSON.stringify([weights, cut, tensor, stored, sha256(preparationModel(preprocessing)), passing.batch]);
  return join(boundaryCaches(), sha256(key).slice(0, 32));
}

const keyOf = ({ digest, view }: RecordKey): Buffer =>
  createHash("sha256").update(Buffer.from(digest, "hex")).update(view).digest();

/** Opens the cache of a boundary. Reading is by the operating system's page cache: what fits into memory is in memory. */
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
