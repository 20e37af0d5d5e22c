import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256OfFile } from "../../base/files.ts";
import { unpack } from "./npm-unpack.ts";
import { integrityOf, type TestEntry, tarballOf } from "./testing.ts";

const limits = { entries: 50, fileBytes: 100_000, totalBytes: 200_000 };
const everything = () => true;

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

describe("unpack", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "graft-unpack-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("writes the wanted files, lists all, and hashes the tarball", async () => {
    const tarball = tarballOf([
      { path: "package/", type: "Directory" },
      { path: "package/a.json", content: "{}" },
      { path: "package/deep/er/b.bin", content: new Uint8Array(70_000).fill(7) },
      { path: "package/empty", content: "" },
      { path: "package/no.js", content: "process.exit(1)" },
    ]);
    let bytes = 0;
    const contents = await unpack(inPieces(tarball, 97), folder, {
      wanted: (path) => !path.endsWith(".js"),
      limits,
      onBytes: (count) => {
        bytes += count;
      },
    });
    expect([...contents.files]).toEqual([
      ["a.json", 2],
      ["deep/er/b.bin", 70_000],
      ["empty", 0],
      ["no.js", 15],
    ]);
    expect([...contents.written.keys()]).toEqual(["a.json", "deep/er/b.bin", "empty"]);
    for (const [path, digest] of contents.written) expect(await sha256OfFile(join(folder, path))).toBe(digest);
    expect(contents.integrity).toBe(integrityOf(tarball));
    expect(bytes).toBe(tarball.length);
    expect((await readdir(folder)).sort()).toEqual(["a.json", "deep", "empty"]);
    expect(await readFile(join(folder, "a.json"), "utf8")).toBe("{}");
    expect((await readFile(join(folder, "deep/er/b.bin"))).equals(Buffer.alloc(70_000, 7))).toBe(true);
  });

  it("unpacks the same files however the tarball is cut into chunks", async () => {
    const file = fc.uint8Array({ maxLength: 3000 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(file, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 600 }),
        async (bodies, length) => {
          const own = await mkdtemp(join(folder, "run-"));
          const entries = bodies.map((content, i) => ({ path: `package/${i % 2}/${i}`, content }));
          const contents = await unpack(inPieces(tarballOf(entries), length), own, { wanted: everything, limits });
          expect(contents.written.size).toBe(bodies.length);
          for (const [i, body] of bodies.entries()) {
            expect((await readFile(join(own, `${i % 2}/${i}`))).equals(Buffer.from(body))).toBe(true);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each<[string, TestEntry[], string]>([
    ["a path that climbs", [{ path: "package/../../evil", content: "x" }], "lead out of its folder"],
    ["an absolute path", [{ path: "/tmp/evil", content: "x" }], "lead out of its folder"],
    ["a backslash", [{ path: "package\\..\\evil", content: "x" }], "lead out of its folder"],
    ["a drive", [{ path: "package/c:evil", content: "x" }], "lead out of its folder"],
    [
      "a symbolic link",
      [{ path: "package/l", type: "SymbolicLink", linkpath: "/etc" }],
      "not a regular file but a SymbolicLink",
    ],
    ["a hard link", [{ path: "package/l", type: "Link", linkpath: "package/a" }], "not a regular file but a Link"],
    ["a device", [{ path: "package/d", type: "CharacterDevice" }], "not a regular file but a CharacterDevice"],
    ["a file twice", [{ path: "package/a" }, { path: "package/a", content: "x" }], "contains a twice"],
    ["a file too big", [{ path: "package/a", size: 100_001 }], "100001 bytes, more than the 100000"],
    ["a file said to be huge", [{ path: "package/a", size: 2 ** 40 }], "more than the 100000"],
    [
      "too much in all, wanted or not",
      [0, 1, 2].map((i) => ({ path: `package/${i}.no`, content: new Uint8Array(90_000) })),
      "more than the 200000 bytes",
    ],
    ["too many entries", Array.from({ length: 51 }, (_, i) => ({ path: `package/${i}` })), "more than 50 entries"],
  ])("refuses %s", async (_, entries, sentence) => {
    const bad = unpack(inPieces(tarballOf([{ path: "package/first", content: "1" }, ...entries]), 1000), folder, {
      wanted: (path) => !path.endsWith(".no"),
      limits,
    });
    await expect(bad).rejects.toThrow(sentence);
    await expect(bad).rejects.toMatchObject({ kind: "work" });
    for (const name of await readdir(folder)) expect(name).toMatch(/^(first|a|\d+)$/);
  });

  it.each([
    ["in the middle", (whole: Buffer) => whole.subarray(0, whole.length >> 1)],
    ["before the end", (whole: Buffer) => whole.subarray(0, -9)],
  ])("fails on a tarball that ends %s", async (_, cut) => {
    const noise = Uint8Array.from({ length: 60_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255);
    const short = cut(tarballOf([{ path: "package/a", content: noise }]));
    await expect(unpack(inPieces(short, 5000), folder, { wanted: everything, limits })).rejects.toThrow();
  });

  it("fails if the bytes are not a tarball", async () => {
    await expect(
      unpack(Readable.from([Buffer.from("<html>".repeat(300))]), folder, { wanted: everything, limits }),
    ).rejects.toThrow();
  });

  it("rethrows the error of the stream", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield tarballOf([{ path: "package/a", content: new Uint8Array(50_000) }]).subarray(0, 60);
      throw new Error("the line went dead");
    }
    await expect(unpack(broken(), folder, { wanted: everything, limits })).rejects.toThrow("the line went dead");
  });
});
