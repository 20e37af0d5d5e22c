/** Copies on disk: which of some files are one image is found once for the same files, by whichever command is first. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { cacheFolder } from "../../base/cache.ts";
import { markUsed } from "../../base/last-use.ts";
import { readSealedJson, writeSealedJson } from "../../base/sealed.ts";
import { type KnownCopies, kinships } from "../../data/copies/find.ts";
import { TRAITS_VERSION } from "./trait-cache.ts";

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
