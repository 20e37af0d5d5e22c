import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { heardNotices } from "../../../tests/support/notices.ts";
import { openFeatureCache } from "./feature-cache.ts";

const key = (text: string): Buffer => createHash("sha256").update(text).digest();
const folder = (): string => mkdtempSync(join(tmpdir(), "graft-cache-"));
const read = (cache: Awaited<ReturnType<typeof openFeatureCache>>, name: string): number[] | undefined => {
  const at = cache.find(key(name));
  if (!at) return undefined;
  const into = new Float32Array(cache.features);
  cache.read(at, into);
  return [...into];
};

const notices = heardNotices();

describe("feature cache", () => {
  test("keeps features between runs, each run in its own segment", async () => {
    const path = folder();
    const first = await openFeatureCache(path, 2);
    first.add([key("a"), key("b")], Float32Array.from([1, 2, 3, 4]));
    const second = await openFeatureCache(path, 2);
    second.add([key("c")], Float32Array.from([5, 6]));
    expect(read(first, "b")).toEqual([3, 4]);
    expect(read(second, "a")).toEqual([1, 2]);
    first.close();
    second.close();
    const third = await openFeatureCache(path, 2);
    expect([read(third, "a"), read(third, "c"), read(third, "d")]).toEqual([[1, 2], [5, 6], undefined]);
    third.close();
    expect(readdirSync(path)).toHaveLength(2);
  });

  test("an incomplete or damaged record is skipped, the others are read", async () => {
    const path = folder();
    const cache = await openFeatureCache(path, 2);
    cache.add([key("a"), key("b"), key("c")], Float32Array.from([1, 2, 3, 4, 5, 6]));
    cache.close();
    const file = join(path, readdirSync(path)[0]!);
    const bytes = readFileSync(file);
    const record = 32 + 8 + 8;
    bytes[16 + record + 34] = bytes[16 + record + 34]! ^ 1;
    writeFileSync(file, bytes);
    truncateSync(file, bytes.length - 3);
    appendFileSync(join(path, "junk.records"), "GRAFTR1");
    const again = await openFeatureCache(path, 2);
    expect([read(again, "a"), read(again, "b"), read(again, "c")]).toEqual([[1, 2], undefined, undefined]);
    again.close();
    expect(notices).toEqual([`1 damaged record in the cache ${path}: computed again.`]);
    // What is whole was kept, and nothing is told a second time.
    const third = await openFeatureCache(path, 2);
    expect(read(third, "a")).toEqual([1, 2]);
    third.close();
    expect(notices).toHaveLength(1);
    expect(readdirSync(path).filter((name) => name === "junk.records")).toEqual(["junk.records"]);
  });

  test("a folder that cannot be created is reported in one sentence", async () => {
    const path = folder();
    writeFileSync(join(path, "file"), "");
    await expect(openFeatureCache(join(path, "file", "deeper"), 2)).rejects.toThrow("Could not write");
  });
});
