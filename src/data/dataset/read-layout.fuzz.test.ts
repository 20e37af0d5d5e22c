/** Random trees and archives: a tree is read alike however it is stored, and damage costs at most single files. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tarballOf, tarOf } from "../../../tests/support/tar.ts";
import { zipOf } from "../../../tests/support/zip.ts";
import { GraftError } from "../../base/errors.ts";
import { unpackArchive } from "./archive/kept-archive.ts";
import type { ArchiveKind } from "./archive/unpack-archive.ts";
import { diskTree } from "./disk-tree.ts";
import type { Tree } from "./file-tree.ts";
import { memoryTree } from "./file-tree.ts";
import { readLayout } from "./read-layout.ts";
import { createSurvey } from "./survey.ts";
import { lay } from "./testing.ts";

const folder = fc.constantFrom(
  "train",
  "valid",
  "Testing",
  "test_set",
  "cats",
  "dogs",
  "images",
  "x",
  ".h",
  "graft-out",
);
const file = fc.constantFrom(
  "1.jpg",
  "2.png",
  "a",
  "notes.txt",
  "graft.json",
  "metadata.csv",
  "labels.csv",
  "train.csv",
);
const contents: Readonly<Record<string, string>> = {
  "metadata.csv": "file_name,label\n1.jpg,a\n2.png,b\n",
  "labels.csv": "id;class\n1;a\nx/2;b\n",
  "train.csv": "id,label\n1,a\n2,b\n",
};
const trees = fc
  .uniqueArray(fc.tuple(fc.array(folder, { maxLength: 3 }), file), {
    maxLength: 12,
    selector: ([folders, name]) => [...folders, name].join("/"),
  })
  .map((list) =>
    Object.fromEntries(list.map(([folders, name]) => [[...folders, name].join("/"), contents[name] ?? name] as const)),
  );

/** The complete result of reading, or the error's sentence. */
async function outcome(tree: Tree): Promise<unknown> {
  const survey = createSurvey(tree);
  try {
    const { kind, named, shelves, notes, obstacle } = await readLayout(survey);
    return { kind, named, shelves, notes, obstacle, ignored: survey.ignored };
  } catch (error) {
    if (error instanceof GraftError && error.kind === "data") return error.message;
    throw error;
  }
}

describe("random trees", () => {
  it("are read alike from a disk, an upload and a zip; no image belongs to two classes or is in litter", async () => {
    await fc.assert(
      fc.asyncProperty(trees, async (files) => {
        const bytes = new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
        const dropped = await outcome(memoryTree(bytes.keys(), bytes));
        expect(await outcome(diskTree(lay(files), { called: "" }))).toEqual(dropped);
        const work = mkdtempSync(join(tmpdir(), "graft-fuzz-"));
        writeFileSync(join(work, "a.zip"), zipOf([...bytes].map(([name, data]) => ({ name, data }))));
        mkdirSync(join(work, "f"));
        await unpackArchive(join(work, "a.zip"), "zip", join(work, "f"), "The archive");
        expect(await outcome(diskTree(join(work, "f"), { called: "", contained: true }))).toEqual(dropped);
        if (typeof dropped === "string") return;
        const paths = (dropped as { named: { path: string }[] }).named.map(({ path }) => path);
        expect(new Set(paths).size).toBe(paths.length);
        for (const path of paths) expect(path).not.toMatch(/(^|\/)(\.h|graft-out)\//);
      }),
      { numRuns: 150 },
    );
  });
});

describe("archives with randomly changed bytes", () => {
  const entries = ["cat/1.jpg", "cat/2.jpg", "dog/deep/3.jpg", "labels.csv"].map((name, i) => ({
    name,
    data: Buffer.from(`${name} `.repeat(20 * (i + 1))),
  }));
  const tarred = entries.map(({ name: path, data: content }) => ({ path, content }));
  const archives: Readonly<Record<ArchiveKind, Buffer>> = {
    zip: zipOf(entries),
    tar: tarOf(tarred),
    "tar.gz": tarballOf(tarred),
  };

  it.each(Object.entries(archives) as [ArchiveKind, Buffer][])(
    "a %s is unpacked, or refused with a sentence; nothing lands outside",
    async (kind, whole) => {
      const spoilt = fc
        .tuple(
          fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
          fc.option(fc.nat(whole.length), { freq: 4 }),
        )
        .map(([flips, length]) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of flips) bytes[at] = value;
          return length === null ? bytes : bytes.subarray(0, length);
        });
      await fc.assert(
        fc.asyncProperty(spoilt, async (bytes) => {
          const work = mkdtempSync(join(tmpdir(), "graft-fuzz-"));
          const place = join(work, "in", "to");
          mkdirSync(place, { recursive: true });
          writeFileSync(join(work, "archive"), bytes);
          const failure: unknown = await unpackArchive(join(work, "archive"), kind, place, "The archive").then(
            () => undefined,
            (error: unknown) => error,
          );
          if (failure !== undefined)
            expect(failure).toMatchObject({
              kind: "data",
              message: expect.stringMatching(/^The archive was refused: .*\.$/s),
            });
          expect(readdirSync(work).sort()).toEqual(["archive", "in"]);
          expect(readdirSync(join(work, "in"))).toEqual(["to"]);
          expect(existsSync("/etc/cat")).toBe(false);
        }),
        { numRuns: 250 },
      );
    },
  );
});
