/** Copies on disk: which of some files are one image is found once for the same files, by whichever command is first. */

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

/** Another one where copies are found otherwise; signatures have their own. */
const VERSION = 1;

/** The folder of what was found. */
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

/** What is known on this disk. The digests are those of the files' contents. */
export const knownCopies: KnownCopies = {
  async read(digests) {
    const path = pathOf(digests);
    const found = await readSealedJson(path, linksSchema(digests.length), "What was found of copies");
    if (found) await markUsed(path);
    return found;
  },
  write: (digests, found) => writeSealedJson(pathOf(digests), found),
};

// The groups of images on a disk: their signatures are in the cache, or are computed for it when it is missing them.

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
