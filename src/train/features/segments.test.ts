/** Many segments: merged, read with few open files, by several processes at once. */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { heardNotices } from "../../../tests/support/notices.ts";
import { usersOf } from "../../base/cache-folder.ts";
import { openRecordCache } from "./record-files.ts";
import { mergedSegmentName, type SegmentFile, segmentsToMerge } from "./segments.ts";

const SIZE = 64;
const notices = heardNotices();
const folder = (): string => mkdtempSync(join(tmpdir(), "graft-segments-"));
const key = (i: number): Buffer => createHash("sha256").update(String(i)).digest();
const valuesOf = (i: number): Uint8Array => new Uint8Array(SIZE).fill(i % 251);
const segmentsOf = (path: string): string[] => readdirSync(path).filter((name) => name.endsWith(".records"));

/** A folder with `count` segments of one record each, as that many runs leave. */
async function withSegments(count: number): Promise<string> {
  const path = folder();
  const scratch = folder();
  for (let i = 0; i < count; i++) {
    const cache = await openRecordCache(scratch, SIZE);
    cache.add([key(i)], valuesOf(i));
    cache.close();
    for (const name of segmentsOf(scratch)) renameSync(join(scratch, name), join(path, mergedSegmentName()));
  }
  return path;
}

async function missingIn(path: string, count: number): Promise<number[]> {
  const cache = await openRecordCache(path, SIZE);
  try {
    return Array.from({ length: count }, (_, i) => i).filter((i) => {
      const at = cache.find(key(i));
      const into = new Uint8Array(SIZE);
      if (at) cache.read(at, into);
      return !at || Buffer.compare(into, valuesOf(i)) !== 0;
    });
  } finally {
    cache.close();
  }
}

describe("a thousand segments", () => {
  test("are read and merged by a process that may open few files", async () => {
    const path = await withSegments(1000);
    const script = `
      const { register } = await import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))});
      register();
      const { openRecordCache } = await import(${JSON.stringify(new URL("./record-files.ts", import.meta.url).href)});
      const { createHash } = await import("node:crypto");
      const cache = await openRecordCache(${JSON.stringify(path)}, ${SIZE});
      let found = 0;
      for (let i = 0; i < 1000; i++) {
        const at = cache.find(createHash("sha256").update(String(i)).digest());
        const into = new Uint8Array(${SIZE});
        if (at) cache.read(at, into);
        if (into.every((byte) => byte === i % 251)) found++;
      }
      cache.close();
      console.log(found);`;
    const file = join(folder(), "read.mjs");
    writeFileSync(file, script);
    const limited = ["-c", 'ulimit -n 48 && exec "$0" "$@"', process.execPath, file];
    const { stdout, stderr } =
      process.platform === "win32"
        ? spawnSync(process.execPath, [file], { encoding: "utf8" })
        : spawnSync("sh", limited, { encoding: "utf8" });
    expect([stdout.trim(), stderr]).toEqual(["1000", ""]);
    expect(segmentsOf(path).length).toBeLessThanOrEqual(8);
    expect(await missingIn(path, 1000)).toEqual([]);
    expect(readdirSync(path).filter((name) => !name.endsWith(".records"))).toEqual([]);
  });

  test("are read even if they cannot be merged", async () => {
    const path = await withSegments(40);
    // Another process merges just now, or seems to.
    const { withLock } = await import("../../base/lock.ts");
    await withLock(join(path, "merge.lock"), { whenHeld: "fail" }, async () => {
      expect(await missingIn(path, 40)).toEqual([]);
      expect(segmentsOf(path)).toHaveLength(40);
    });
    expect(await missingIn(path, 40)).toEqual([]);
    expect(segmentsOf(path).length).toBeLessThanOrEqual(8);
  });

  test("stay few if one process opens the cache for each", async () => {
    const path = folder();
    for (let i = 0; i < 100; i++) {
      const cache = await openRecordCache(path, SIZE);
      cache.add([key(i)], valuesOf(i));
      cache.close();
      expect(segmentsOf(path).length).toBeLessThanOrEqual(10);
    }
    expect(await missingIn(path, 100)).toEqual([]);
  });
});

describe("merging", () => {
  test("keeps each key once, drops damaged records, and reports them", async () => {
    const path = await withSegments(20);
    const names = segmentsOf(path);
    copyFileSync(join(path, names[3]!), join(path, mergedSegmentName()));
    const bytes = readFileSync(join(path, names[5]!));
    bytes[60] = bytes[60]! ^ 1;
    writeFileSync(join(path, names[5]!), bytes);
    expect(await missingIn(path, 20)).toHaveLength(1);
    expect(notices).toEqual([`1 damaged record in the cache ${path}: computed again.`]);
    const total = segmentsOf(path).reduce((sum, name) => sum + readFileSync(join(path, name)).length - 16, 0);
    expect(total).toBe(19 * (32 + SIZE + 8));
  });

  test("does not touch segments of a running process", async () => {
    const path = await withSegments(20);
    const writer = await openRecordCache(path, SIZE);
    writer.add([key(100)], valuesOf(100));
    const own = segmentsOf(path).filter((name) => !name.startsWith("merged-"));
    expect(own).toHaveLength(1);
    for (let i = 0; i < 30; i++) copyFileSync(join(path, segmentsOf(path)[0]!), join(path, mergedSegmentName()));
    expect(await missingIn(path, 20)).toEqual([]);
    expect(existsSync(join(path, own[0]!))).toBe(true);
    writer.add([key(101)], valuesOf(101));
    writer.close();
    const again = await openRecordCache(path, SIZE);
    expect([again.find(key(100)), again.find(key(101))].includes(undefined)).toBe(false);
    again.close();
  });

  test("happens in several processes at once without losing a record", async () => {
    const path = await withSegments(200);
    const script = `
      const { register } = await import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))});
      register();
      const { openRecordCache } = await import(${JSON.stringify(new URL("./record-files.ts", import.meta.url).href)});
      const { createHash } = await import("node:crypto");
      const [first, count] = process.argv.slice(2).map(Number);
      for (let round = 0; round < 10; round++) {
        const cache = await openRecordCache(${JSON.stringify(path)}, ${SIZE});
        for (let i = 0; i < 200; i++)
          if (!cache.find(createHash("sha256").update(String(i)).digest())) throw new Error("lost " + i);
        const i = first + round;
        cache.add([createHash("sha256").update(String(i)).digest()], new Uint8Array(${SIZE}).fill(i % 251));
        cache.close();
      }`;
    const file = join(folder(), "work.mjs");
    writeFileSync(file, script);
    const codes = await Promise.all(
      [200, 210, 220].map(
        (first) =>
          new Promise((resolve) => {
            spawn(process.execPath, [file, String(first)], { stdio: ["ignore", "ignore", "inherit"] }).on(
              "exit",
              resolve,
            );
          }),
      ),
    );
    expect(codes).toEqual([0, 0, 0]);
    expect(await missingIn(path, 230)).toEqual([]);
    expect(notices).toEqual([]);
  });

  test("copies a record a few times in total, not in every run", () => {
    // One segment of 1 kB more each run; what a merge copies is counted.
    let files: SegmentFile[] = [];
    let copied = 0;
    for (let run = 0; run < 1000; run++) {
      files.push({ path: `${run}`, bytes: 1000, isFile: true, isLive: false });
      const chosen = segmentsToMerge(files);
      if (chosen.length === 0) continue;
      const bytes = chosen.reduce((sum, one) => sum + one.bytes, 0);
      copied += bytes;
      files = files.filter((one) => !chosen.includes(one));
      files.push({ path: `merged ${run}`, bytes, isFile: true, isLive: false });
      expect(files.length).toBeLessThanOrEqual(9);
    }
    expect(copied).toBeLessThan(12 * 1_000_000);
  });
});

describe("a folder in use", () => {
  test("lists its users while it is open", async () => {
    const path = folder();
    const [first, second] = [await openRecordCache(path, SIZE), await openRecordCache(path, SIZE)];
    expect(await usersOf(path)).toEqual([`process ${process.pid}`, `process ${process.pid}`]);
    first.close();
    second.close();
    expect(await usersOf(path)).toEqual([]);
    expect(readdirSync(path)).toEqual([]);
  });

  test("that is removed is created again", async () => {
    const path = folder();
    const cache = await openRecordCache(path, SIZE);
    rmSync(path, { recursive: true });
    const [at] = cache.add([key(1)], valuesOf(1));
    const into = new Uint8Array(SIZE);
    cache.read(at!, into);
    expect(into).toEqual(valuesOf(1));
    cache.close();
    expect(await missingIn(path, 2)).toEqual([0]);
  });
});
