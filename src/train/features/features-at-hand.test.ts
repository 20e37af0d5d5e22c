/** Which networks' features count as at hand: whole, of another network, of the images as they are. */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { featureCaches, noteAbout, openFeatureCache } from "./feature-cache.ts";
import { featuresAtHand } from "./features-at-hand.ts";

let work: string;
const before = process.env.GRAFT_CACHE;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), "graft-at-hand-"));
  process.env.GRAFT_CACHE = join(work, "cache with space");
});
afterEach(async () => {
  if (before === undefined) delete process.env.GRAFT_CACHE;
  else process.env.GRAFT_CACHE = before;
  await rm(work, { recursive: true });
});

const digests = [0, 1, 2].map((at) => createHash("sha256").update(String(at)).digest());

async function fill(
  folder: string,
  about: string | undefined,
  images: readonly number[],
  features: number,
): Promise<void> {
  const path = join(featureCaches(), folder);
  const cache = await openFeatureCache(path, features);
  const values = images.flatMap((image) => Array.from({ length: features }, (_, j) => 10 * image + j));
  if (images.length > 0)
    cache.add(
      images.map((image) => digests[image]!),
      Float32Array.from(values),
    );
  cache.close();
  if (about !== undefined) await noteAbout(path, about);
}

const namesOf = async (most = 5): Promise<string[]> => {
  const found = await featuresAtHand(digests, { except: "own", most });
  for (const { close } of found) close();
  return found.map(({ name }) => name);
};

it("is empty without a cache", async () => expect(await namesOf()).toEqual([]));

it("finds what other networks computed for every image, one cut of each", async () => {
  await fill("a", "own at t1", [0, 1, 2], 2);
  await fill("b", "second at t9", [2, 0, 1], 3);
  await fill("c", "second at t8", [0, 1, 2], 4);
  await fill("d", "in part at t1", [0, 2], 2);
  await fill("e", "mirror images, third at t1", [0, 1, 2], 2);
  await fill("f", undefined, [0, 1, 2], 2);
  await fill("g", "empty at t1", [], 2);
  await fill("h", "first, at hand at t1", [0, 1, 2], 2);
  expect(await namesOf()).toEqual(["first, at hand", "second"]);
  expect(await namesOf(1)).toEqual(["first, at hand"]);
});

it("has the rows in the order of the images", async () => {
  await fill("b", "second at t9", [2, 0, 1], 3);
  const [found] = await featuresAtHand(digests, { except: "own", most: 1 });
  try {
    expect([...found!.table.chunks()].flatMap(({ data }) => [...data])).toEqual([0, 1, 2, 10, 11, 12, 20, 21, 22]);
  } finally {
    found!.close();
  }
});
