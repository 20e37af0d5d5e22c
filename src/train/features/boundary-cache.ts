/** The boundary cache: the frozen part's outputs for views of images, on disk for later epochs and runs. Computes nothing. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache-folder.ts";
import { sha256 } from "../../base/files.ts";
import { preparationModel } from "../../networks/backbone/backbone.ts";
import type { Network } from "../../networks/network.ts";
import { type Boundary, storedBytes } from "../finetune/trainable-part.ts";
import { noteAbout } from "./feature-cache.ts";
import { passing } from "./image-files.ts";
import type { RecordKey, RecordStore } from "./images-and-records.ts";
import { openRecordCache } from "./record-files.ts";

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
