/** Kinds that are folders of records: features, boundaries of fine-tuning, traits of the audit. */
import { join } from "node:path";
import * as v from "valibot";
import { usersOf } from "../../base/lease.ts";
import { inspectSealedJson } from "../../base/sealed.ts";
import { readAbout } from "../../train/features/about.ts";
import { featureCaches } from "../../train/features/of-network.ts";
import { traitCaches } from "../../train/features/trait-cache.ts";
import { dropDamaged, verifySegments } from "../../train/features/verify-segments.ts";
import { boundaryCaches } from "../../train/finetune/boundary-cache.ts";
import { type CacheEntry, type CacheKind, entryAt, type KindRow, namesIn, takeAway } from "../cache-entry.ts";

const folders = (kind: CacheKind, parent: () => string): KindRow => ({
  async list() {
    const entries: CacheEntry[] = [];
    for (const name of await namesIn(parent())) {
      const path = join(parent(), name);
      const entry = name.startsWith(".") ? undefined : await entryAt(kind, path, (await readAbout(path)) ?? name);
      if (entry) entries.push(entry);
    }
    return entries;
  },
  async verify({ path: folder }) {
    const damage = await verifySegments(folder);
    for (const name of await namesIn(folder)) {
      if (!name.endsWith(".json")) continue;
      const path = join(folder, name);
      const { kind: found } = await inspectSealedJson(path, v.unknown());
      if (found === "damaged") damage.push({ path, problem: "it is not as it was written" });
    }
    return damage;
  },
  async repair({ path: folder }, damage) {
    for (const { path } of damage)
      if (path.endsWith(".json")) await takeAway(path);
      else await dropDamaged(folder, path);
    return (await verifySegments(folder)).length > 0 ? "a process is writing to it" : undefined;
  },
  async remove({ path }) {
    const [user] = await usersOf(path);
    return user === undefined ? takeAway(path) : `${user} uses it`;
  },
});

export const features = folders("features", featureCaches);
export const boundary = folders("boundary", boundaryCaches);
export const traits = folders("traits", traitCaches);
