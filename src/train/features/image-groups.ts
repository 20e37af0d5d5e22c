/** The groups of images on a disk: their signatures are in the cache, or are computed for it when it is missing them. */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { mapAhead } from "../../base/concurrency.ts";
import { isDataError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { createMeter } from "../../base/progress.ts";
import type { Example } from "../../data/dataset/discover.ts";
import { type Groupable, type GroupOptions, groupsAmong } from "../groups.ts";
import { knownCopies } from "./known-copies.ts";
import { openTraitCache } from "./trait-cache.ts";

/** The groups of a dataset's examples before any network has seen them. Images that cannot be read stand alone. */
export async function groupsOfExamples(
  examples: readonly Pick<Example, "path" | "group">[],
  options: Omit<GroupOptions, "known"> = {},
): Promise<Int32Array> {
  const traits = await openTraitCache();
  try {
    const meter = createMeter({ stage: "Reading images", unit: "images", total: examples.length, ...options });
    const read = async ({ path, group }: (typeof examples)[number]): Promise<Groupable | undefined> => {
      try {
        const sha256 = createHash("sha256")
          .update(await readBytes(path))
          .digest();
        const [measured] = await traits.traitsOf([{ path, sha256 }]);
        return { digest: sha256.toString("hex"), signature: measured!.signature, group };
      } catch (error) {
        // The reader that computes features lists it.
        if (!isDataError(error)) throw error;
        return undefined;
      }
    };
    const found: Groupable[] = [];
    for await (const one of mapAhead(examples, availableParallelism() + 2, read)) {
      options.signal?.throwIfAborted();
      found.push(one ?? { digest: `unreadable ${found.length}`, signature: undefined });
      meter.add();
    }
    return await groupsAmong(found, { ...options, known: knownCopies });
  } finally {
    traits.close();
  }
}
