/** Unpacked archives in the cache: found again, checked, unpacked again if they changed, limited in size. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { zipOf } from "../../../../tests/support/zip.ts";
import { archivesFolder, openArchive, removeOld } from "./kept-archive.ts";

let archive: string;
beforeEach(() => {
  process.env.GRAFT_CACHE = mkdtempSync(join(tmpdir(), "graft-cache-"));
  archive = join(mkdtempSync(join(tmpdir(), "graft-kept-")), "a.zip");
  const entries = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg"].map((name) => ({
    name,
    data: Buffer.from(`bytes of ${name}`),
  }));
  writeFileSync(archive, zipOf([...entries, { name: "dog/2.jpg", data: Buffer.from("x"), check: 1 }]));
});

const contentOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map(({ parentPath, name }) => [
        join(parentPath, name).slice(folder.length + 1),
        readFileSync(join(parentPath, name), "utf8"),
      ]),
  );

const wanted = {
  "cat/1.jpg": "bytes of cat/1.jpg",
  "cat/2.jpg": "bytes of cat/2.jpg",
  "dog/1.jpg": "bytes of dog/1.jpg",
};

describe("an unpacked archive", () => {
  it("is found again unchanged, with its faults", async () => {
    const { folder, faults, note } = await openArchive(archive, "zip");
    expect(contentOf(folder)).toEqual(wanted);
    expect(faults).toEqual([{ path: "dog/2.jpg", kind: "damaged", reason: "damaged: its checksum is wrong" }]);
    expect(note).toContain("a.zip is read from");
    const before = statSync(join(folder, "cat/1.jpg")).ino;
    const again = await openArchive(archive, "zip");
    expect(again).toEqual({ folder, faults, note });
    expect(statSync(join(folder, "cat/1.jpg")).ino).toBe(before);
    expect(readdirSync(archivesFolder())).toHaveLength(1);
  });

  const spoilings: [string, (folder: string) => void][] = [
    ["a flipped byte", (folder) => writeFileSync(join(folder, "cat/1.jpg"), "bytes of cat/7.jpg")],
    ["a file cut off", (folder) => truncateSync(join(folder, "cat/1.jpg"), 3)],
    ["a file gone", (folder) => rmSync(join(folder, "cat/1.jpg"))],
    ["a file more", (folder) => writeFileSync(join(folder, "cat/new.jpg"), "x")],
    [
      "a folder in a file's place",
      (folder) => {
        rmSync(join(folder, "cat/1.jpg"));
        mkdirSync(join(folder, "cat/1.jpg"));
      },
    ],
    ["contents that are gone", (folder) => rmSync(join(dirname(folder), "contents.json"))],
    ["contents cut off", (folder) => truncateSync(join(dirname(folder), "contents.json"), 40)],
    [
      "other contents",
      (folder) => {
        const path = join(dirname(folder), "contents.json");
        writeFileSync(path, readFileSync(path, "utf8").replace("its checksum", "its chuckles"));
      },
    ],
    ["contents that are no JSON object", (folder) => writeFileSync(join(dirname(folder), "contents.json"), "null")],
  ];
  it.each(spoilings)("with %s is unpacked again", async (_, spoil) => {
    const { folder, faults } = await openArchive(archive, "zip");
    spoil(folder);
    expect(await openArchive(archive, "zip")).toMatchObject({ folder, faults });
    expect(contentOf(folder)).toEqual(wanted);
  });

  it("is unpacked once for several calls at once", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => openArchive(archive, "zip")));
    expect(new Set(all.map(({ folder }) => folder)).size).toBe(1);
    expect(contentOf(all[0]!.folder)).toEqual(wanted);
    expect(readdirSync(archivesFolder())).toHaveLength(1);
  });

  it("that is refused leaves nothing behind", async () => {
    writeFileSync(
      archive,
      zipOf([
        { name: "a/1.jpg", data: Buffer.from("x") },
        { name: "../x.jpg", data: Buffer.from("x") },
      ]),
    );
    await expect(openArchive(archive, "zip")).rejects.toThrow(`The archive ${archive} was refused`);
    expect(readdirSync(archivesFolder())).toEqual([]);
  });
});

describe("the size limit of the cache", () => {
  it("removes the least recently used first, none that was used today, and what a killed process left", async () => {
    const folders: string[] = [];
    for (const name of ["one", "two", "three"]) {
      writeFileSync(archive, zipOf([{ name: "a/1.jpg", data: Buffer.alloc(1000, name) }]));
      folders.push(dirname((await openArchive(archive, "zip")).folder));
    }
    const old = (path: string, days: number): void => {
      const then = new Date(Date.now() - days * 86_400_000);
      utimesSync(path, then, then);
    };
    old(join(folders[0]!, "contents.json"), 2);
    old(join(folders[1]!, "contents.json"), 3);
    const part = join(archivesFolder(), "abc-1.4711.part");
    mkdirSync(part);
    old(part, 2);
    await removeOld(folders[2]!, 2500);
    expect(folders.map((folder) => existsSync(folder))).toEqual([true, false, true]);
    expect(existsSync(part)).toBe(false);
    await removeOld(folders[2]!, 0);
    expect(folders.map((folder) => existsSync(folder))).toEqual([false, false, true]);
  });
});
