/**
 * Groups of image files: caches the copies found among a list of files, and groups a dataset's examples before any network has seen them.
 * Which examples form a group is in groups.ts.
 */

import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { cacheFolder, markUsed } from "../../base/cache-folder.ts";
import { mapAhead } from "../../base/concurrency.ts";
import { isDataError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { createMeter } from "../../base/progress.ts";
import { readSealedJson, writeSealedJson } from "../../base/sealed.ts";
import { type KnownCopies, kinships } from "../../data/copies/find-copies.ts";
import type { Example } from "../../data/dataset/discover.ts";
import { type Groupable, type GroupOptions, groupsAmong } from "./groups.ts";
import { openTraitCache, TRAITS_VERSION } from "./trait-cache.ts";

/** Changes whenever the search for copies changes; signatures have their own version. */
const VERSION = 1;

/** The cache folder of found copies. */
export const copiesFolder = (): string => join(cacheFolder(), "copies");

const linksSchema = (files: number) => {
  const position = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(files - 1));
  return v.object({
    compared: v.pipe(v.number(), v.integer(), v.minValue(0)),
    links: v.array(v.object({ a: position, b: position, kinship: v.picklist(kinships), likeness: v.number() })),
  });
};

function pathOf(digests: readonly string[]): string {
  const hash = createHash("sha256").update(`${VERSION} ${TRAITS_VERSION}`);
  for (const digest of digests) hash.update(`\n${digest}`);
  return join(copiesFolder(), `${hash.digest("hex")}.json`);
}

/** Copies found earlier on this machine. The digests are those of the files' contents. */
export const knownCopies: KnownCopies = {
  async read(digests) {
    const path = pathOf(digests);
    const found = await readSealedJson(path, linksSchema(digests.length), "The stored list of copies");
    if (found) await markUsed(path);
    return found;
  },
  write: (digests, found) => writeSealedJson(pathOf(digests), found),
};

/** The groups of a dataset's examples. Unreadable images are their own groups; missing signatures are computed and cached. */
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
        // The error is reported when features are computed.
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
