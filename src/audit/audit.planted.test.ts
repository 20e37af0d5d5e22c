/** The audit on real photographs with faults planted by a seed, at reduced size: `npm run bench -- audit` measures at full size. */
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { discoverDataset } from "../data/dataset/discover.ts";
import { openNetwork } from "../networks/open.ts";
import { type Audit, audit } from "./audit.ts";
import { type Planted, plantFaults } from "./testing.ts";

const shared = fileURLToPath(new URL("../../../shared/", import.meta.url));
const present = existsSync(join(shared, "datasets")) && existsSync(join(shared, "networks"));

describe.skipIf(!present)(present ? "planted faults" : "planted faults (skipped: ../shared is absent)", () => {
  let folder: string;
  let planted: Planted;
  let found: Audit;
  const before = process.env.GRAFT_CACHE;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "graft-planted-"));
    process.env.GRAFT_CACHE = join(folder, "cache");
    const others = join(shared, "datasets/pollen/train/pollen");
    planted = await plantFaults({
      from: join(shared, "datasets/flowers"),
      to: join(folder, "data"),
      take: 80,
      flips: 0.05,
      copies: 0.03,
      bordered: "tulips",
      offTopic: readdirSync(others)
        .sort()
        .slice(0, 6)
        .map((name) => join(others, name)),
      random: createRandom(1),
    });
    const network = await openNetwork(join(shared, "networks/mobilenet_v2_100_224.onnx"));
    found = await audit({ dataset: await discoverDataset(join(folder, "data")), network });
  });
  afterAll(async () => {
    if (before === undefined) delete process.env.GRAFT_CACHE;
    else process.env.GRAFT_CACHE = before;
    await rm(folder, { recursive: true, force: true });
  });

  const groupsOf = (check: string): string[][] =>
    found.findings
      .filter((finding) => finding.check === check)
      .flatMap(({ groups }) => groups.map((group) => group.map(({ path }) => path)));

  it("copies across splits, all of them and nothing else", () => {
    // Flowers itself contains a copy, and a burst of photos of one scene.
    const own = ["10994032453_ac7f8d9e2e.jpg", "17199496791_3caaf5e278_m.jpg", "14925398301_55a180f919_n.jpg"];
    const found = groupsOf("leaks")
      .map((group) => group.filter((path) => !own.some((name) => path.endsWith(name))))
      .filter((group) => group.length > 1);
    const inOrder = (pairs: readonly (readonly string[])[]): string[][] =>
      pairs.map((pair) => [...pair].sort()).sort((a, b) => (a[0]! < b[0]! ? -1 : 1));
    expect(inOrder(found)).toEqual(inOrder(planted.copies));
  });

  it("labels: most reported labels are wrong, and more than half of the wrong ones are reported", () => {
    // Off-topic images have a wrong label as well, but not a changed one.
    const named = groupsOf("label-errors")
      .flat()
      .filter((path) => !planted.offTopic.has(path));
    const right = named.filter((path) => planted.flipped.has(path)).length;
    expect(right / named.length).toBeGreaterThanOrEqual(0.7);
    expect(right / planted.flipped.size).toBeGreaterThanOrEqual(0.5);
  });

  it("the border, as the only shortcut", () => {
    const titles = found.findings.filter(({ check }) => check === "shortcuts").map(({ title }) => title);
    expect(titles).toEqual([expect.stringMatching(/the colour of the border alone, 9\d|100% of "tulips"/)]);
  });
});
