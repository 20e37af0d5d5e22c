/** `graft cache` and its functions: listing, pruning and verifying, while other processes use the cache. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withLock } from "../src/base/lock.ts";
import { type CacheKind, listCache, pruneCache, verifyCache } from "../src/cache/manage-cache.ts";
import { openTraitCache } from "../src/train/features/trait-cache.ts";
import { graft, graftJson, startGraft, temporaryFolder } from "./support/cli.ts";
import { openSubjects, type Subjects } from "./support/damage-subjects.ts";
import { tinyNetwork } from "./support/network.ts";
import { heardNotices } from "./support/notices.ts";
import { writeShapes } from "./support/pictures.ts";

const work = temporaryFolder();
const cache = join(work, "cache");
let opened: Subjects;
heardNotices();
beforeAll(async () => {
  opened = await openSubjects(work);
});
afterAll(() => opened.close());

/** Fills the cache again with everything that a test may have removed. */
async function refill(): Promise<void> {
  for (const { kind, use } of opened.subjects) if (kind !== "checkpoints") await use();
}

const kindsIn = async (): Promise<CacheKind[]> => [...new Set((await listCache()).entries.map(({ kind }) => kind))];
const everything: CacheKind[] = [
  "networks",
  "npm",
  "huggingface",
  "features",
  "boundary",
  "traits",
  "copies",
  "speeds",
  "costs",
];

describe("the list", () => {
  test("has every kind, with names that people know", async () => {
    const { folder, bytes, entries } = await listCache();
    expect(folder).toBe(cache);
    expect(await kindsIn()).toEqual(everything);
    expect(bytes).toBe(entries.reduce((sum, entry) => sum + entry.bytes, 0));
    const names = entries.map(({ kind, name }) => `${kind} ${name}`);
    expect(names).toContain("networks net");
    expect(names).toContain("npm net@1.0.0");
    expect(names).toContain("huggingface timm/mobilenetv3_small_050.lamb_in1k/model.safetensors");
    expect(names).toContain("features tiny.onnx at flat");
    expect(names.filter((name) => name.startsWith("boundary tiny.onnx at "))).toHaveLength(1);
    expect((await listCache({ kinds: ["npm"] })).entries.map(({ kind }) => kind)).toEqual(["npm"]);
    await expect(listCache({ kinds: ["nothing" as CacheKind] })).rejects.toThrow(
      "The option kinds[0] of listCache takes one of",
    );
  });

  test("is printed, and is one JSON object; an empty cache is nothing", async () => {
    const sizes = await graftJson<{ folder: string; kinds: { kind: string; entries: number }[] }>(["cache"], cache);
    expect(sizes.folder).toBe(cache);
    expect(sizes.kinds.filter(({ entries }) => entries > 0).map(({ kind }) => kind)).toEqual(everything);
    const { entries } = await graftJson<{ entries: { kind: string; path: string }[] }>(["cache", "list"], cache);
    expect(entries.every(({ path }) => existsSync(path))).toBe(true);
    const { code, stdout } = await graft(["cache", "list", "--kind", "npm,networks"], cache);
    expect([code, stdout.trim().split("\n").length]).toEqual([0, 3]);
    expect((await graft(["cache"], join(work, "no cache"))).stdout).toBe(`${join(work, "no cache")}: 0 kB\n`);
    expect((await graft(["cache", "list", "--kind", "x"], cache)).code).toBe(2);
  });
});

describe("pruning", () => {
  test("by kind removes all of it and nothing else; what is removed is made again", async () => {
    const results = new Map<string, string>();
    for (const { kind, use } of opened.subjects) results.set(kind, await use());
    for (const kind of everything) {
      const before = (await listCache({ kinds: [kind] })).bytes;
      const { removed, kept, freedBytes } = await pruneCache({ kinds: [kind] });
      expect([kept, removed.length > 0, freedBytes]).toEqual([[], true, before]);
      expect(await kindsIn()).toEqual(everything.filter((other) => other !== kind));
      expect(await opened.subjects.find((one) => one.kind === kind)!.use()).toBe(results.get(kind));
      await refill();
    }
    expect(await kindsIn()).toEqual(everything);
  });

  test("by age goes by the last use, by size by the longest unused; a dry run removes nothing", async () => {
    const { entries, bytes } = await listCache();
    const used = (path: string, daysAgo: number): void => {
      const then = new Date(Date.now() - daysAgo * 86_400_000);
      for (const inside of statSync(path).isDirectory() ? readdirSync(path) : [])
        utimesSync(join(path, inside), then, then);
      utimesSync(path, then, then);
    };
    const speeds = entries.find(({ kind }) => kind === "speeds")!;
    const traits = entries.find(({ kind }) => kind === "traits")!;
    used(speeds.path, 40);
    used(traits.path, 50);
    const month = 30 * 86_400;
    const dry = await pruneCache({ olderThan: month, dryRun: true });
    expect(dry.removed.map(({ kind }) => kind)).toEqual(["traits", "speeds"]);
    expect((await listCache()).bytes).toBe(bytes);
    const bySize = await pruneCache({ maxBytes: bytes - 1 });
    expect(bySize.removed.map(({ kind }) => kind)).toEqual(["traits"]);
    expect((await pruneCache({ olderThan: month })).removed.map(({ kind }) => kind)).toEqual(["speeds"]);
    await expect(pruneCache({ olderThan: -1 })).rejects.toThrow("takes a number from 0, not -1");
    await refill();
  });

  test("leaves what is in use, and says who uses it", async () => {
    const records = await openTraitCache();
    const { removed, kept } = await pruneCache({ kinds: ["traits"] });
    expect([removed, kept.map(({ reason }) => reason)]).toEqual([[], [`process ${process.pid} uses it`]]);
    records.close();
    const [network] = (await listCache({ kinds: ["networks"] })).entries;
    await withLock(`${network!.path}.lock`, { whenHeld: "fail" }, async () => {
      expect((await pruneCache({ kinds: ["networks"] })).kept[0]?.reason).toContain("another process");
    });
    expect(existsSync(network!.path)).toBe(true);
  });

  test("without criteria removes only what killed processes left", async () => {
    const { bytes } = await listCache();
    const before = new Date(Date.now() - 2 * 86_400_000);
    const left = join(cache, "features", ".graft-ffffffff-ffffffff-1-1-1-abc.part");
    mkdirSync(join(left, "in it"), { recursive: true });
    utimesSync(left, before, before);
    const young = join(cache, "npm", ".graft-ffffffff-ffffffff-1-1-1-def.part");
    writeFileSync(young, "x");
    const transfer = join(cache, "huggingface/blobs", `${"a".repeat(64)}.part`);
    writeFileSync(transfer, "half");
    writeFileSync(join(cache, "mine.txt"), "mine");
    const { removed, kept } = await pruneCache();
    expect([removed.map(({ path }) => path), kept.map(({ entry }) => entry.path)]).toEqual([[left], [young]]);
    expect([existsSync(left), existsSync(young), existsSync(transfer)]).toEqual([false, true, true]);
    expect((await pruneCache({ kinds: ["transfers"] })).removed.map(({ path }) => path)).toEqual([transfer]);
    // What Graft does not know is listed and stays, whatever the options.
    expect((await listCache({ kinds: ["other"] })).entries.map(({ name }) => name)).toEqual(["mine.txt"]);
    expect((await pruneCache({ kinds: ["other"] })).removed).toEqual([]);
    await pruneCache({ maxBytes: 0 });
    expect(readFileSync(join(cache, "mine.txt"), "utf8")).toBe("mine");
    expect(await kindsIn()).toEqual(["unfinished", "other"]);
    rmSync(young);
    rmSync(join(cache, "mine.txt"));
    await refill();
    expect(Math.abs((await listCache()).bytes - bytes)).toBeLessThan(2000);
  });

  test.skipIf(process.platform === "win32")(
    "while a training runs leaves its features, and the training ends well",
    async () => {
      const network = join(work, "slow.onnx");
      writeFileSync(network, tinyNetwork(3, 60));
      const pictures = await writeShapes(join(work, "many"), { circle: 60, square: 60 });
      const words = [
        "train",
        pictures,
        "--network",
        network,
        "--preprocessing",
        "imagenet",
        "--no-audit",
        "--no-explain",
      ];
      const training = startGraft([...words, "--out", join(work, "out"), "--json"], join(work, "cache-2"));
      const folder = join(work, "cache-2/features");
      const records = (): string[] =>
        existsSync(folder)
          ? (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith(".records"))
          : [];
      // One folder a cut whose features are read.
      await expect.poll(() => records().length, { timeout: 60_000 }).toBeGreaterThan(0);
      training.pause();
      const { removed, kept } = await graftJson<{ removed: unknown[]; kept: { reason: string }[] }>(
        ["cache", "prune", "--kind", "features"],
        join(work, "cache-2"),
      );
      process.kill(training.pid, "SIGCONT");
      expect([removed, [...new Set(kept.map(({ reason }) => reason))]]).toEqual([
        [],
        [`process ${training.pid} uses it`],
      ]);
      expect((await training.finished).code).toBe(0);
      const after = await graft(["cache", "prune", "--kind", "features"], join(work, "cache-2"));
      expect(after.stdout).toMatch(/^(Removed features slow\.onnx at .*\n)+.* kB freed, 0 kB left\.\n$/);
      expect(readdirSync(folder)).toEqual([]);
    },
  );
});

describe("verifying", () => {
  test("finds damage in every kind, names it, and repairs it where that is asked for", async () => {
    expect((await verifyCache()).damaged).toEqual([]);
    const { entries } = await listCache();
    const damaged: string[] = [];
    for (const { path } of entries) {
      const file = statSync(path).isDirectory() ? largestFile(path) : path;
      const bytes = readFileSync(file);
      bytes[bytes.length - 20] = bytes[bytes.length - 20]! ^ 4;
      writeFileSync(file, bytes);
      damaged.push(file);
    }
    const found = await verifyCache();
    expect(found.damaged.map(({ path }) => path).sort()).toEqual(damaged.sort());
    const printed = await graft(["cache", "verify"], cache);
    expect(printed.code).toBe(1);
    for (const path of damaged) expect(printed.stdout).toContain(path);
    const json = await graft(["cache", "verify", "--json"], cache);
    expect([json.code, (JSON.parse(json.stdout) as { damaged: unknown[] }).damaged.length]).toEqual([
      1,
      damaged.length,
    ]);
    const segments = entries.filter(({ kind }) => ["features", "boundary", "traits"].includes(kind)).length;
    const repaired = await graft(["cache", "verify", "--repair"], cache);
    // This process made the records, and lives: for another one it may write to them still.
    expect([repaired.code, repaired.stderr.trim()]).toEqual([
      1,
      `graft: ${segments} damaged entries of the cache are in use. Run \`graft cache verify --repair\` again later.`,
    ]);
    const { damaged: left, repaired: own } = await verifyCache({ repair: true });
    expect([left.length, own.length]).toEqual([segments, segments]);
    expect((await verifyCache()).damaged).toEqual([]);
    await refill();
    expect((await verifyCache()).damaged).toEqual([]);
    expect(await kindsIn()).toEqual(everything);
  });

  test("ends when its signal is aborted", async () => {
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    await expect(verifyCache({ signal: stop.signal })).rejects.toThrow("enough");
  });
});

/** The largest file in a folder. */
function largestFile(folder: string): string {
  const files = (readdirSync(folder, { recursive: true }) as string[]).map((name) => join(folder, name));
  const sizes = files.map((path) => ({ path, stat: statSync(path) })).filter(({ stat }) => stat.isFile());
  return sizes.sort((a, b) => b.stat.size - a.stat.size)[0]!.path;
}
