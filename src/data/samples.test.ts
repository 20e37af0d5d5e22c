import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unicodeEmoji } from "../hub/npm/npm-packages.ts";
import type { Sample } from "./samples.ts";
import { emojiImages, findSample, layOutSample } from "./samples.ts";

describe("layOutSample", () => {
  let root: string;
  let gathered: number;
  let sample: Sample;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "graft-sample-"));
    await mkdir(join(root, "cache"));
    for (const name of ["a", "b", "c"]) await writeFile(join(root, "cache", name), name.repeat(9));
    gathered = 0;
    sample = {
      name: "letters",
      about: "letters",
      classes: 2,
      images: 3,
      sources: [unicodeEmoji],
      attribution: "Mine.\n",
      async gather() {
        gathered++;
        const at = (label: string, name: string) => ({
          class: label,
          name: `${name}.webp`,
          source: join(root, "cache", name),
        });
        return [at("vowel", "a"), at("consonant", "b"), at("consonant", "c")];
      },
    };
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it("writes class folders with the attribution beside them", async () => {
    const folder = join(root, "deep", "letters");
    expect(await layOutSample(sample, folder)).toEqual({
      folder,
      classes: ["consonant", "vowel"],
      images: 3,
      alreadyThere: false,
    });
    expect((await readdir(folder)).sort()).toEqual(["ATTRIBUTION.md", "consonant", "sample.json", "vowel"]);
    expect(await readdir(join(folder, "consonant"))).toEqual(["b.webp", "c.webp"]);
    expect(await readFile(join(folder, "vowel", "a.webp"), "utf8")).toBe("aaaaaaaaa");
    expect(await readdir(join(root, "deep"))).toEqual(["letters"]);
  });

  it("fills an empty folder", async () => {
    const folder = join(root, "empty");
    await mkdir(folder);
    expect(await layOutSample(sample, folder)).toMatchObject({ images: 3, alreadyThere: false });
    expect((await readdir(folder)).sort()).toEqual(["ATTRIBUTION.md", "consonant", "sample.json", "vowel"]);
  });

  it("leaves the same sample unchanged, and fetches nothing for that", async () => {
    const folder = join(root, "letters");
    await layOutSample(sample, folder);
    expect(await layOutSample(sample, folder)).toEqual({
      folder,
      classes: ["consonant", "vowel"],
      images: 3,
      alreadyThere: true,
    });
    expect(gathered).toBe(1);
  });

  it.each<[string, (folder: string) => Promise<void>]>([
    ["lacks an image", (folder) => rm(join(folder, "vowel", "a.webp"))],
    ["has an extra image", (folder) => writeFile(join(folder, "vowel", "e.webp"), "e")],
    ["has a changed image", (folder) => writeFile(join(folder, "vowel", "a.webp"), "e")],
    ["has no marker", (folder) => rm(join(folder, "sample.json"))],
  ])("refuses a folder that %s", async (_, spoil) => {
    const folder = join(root, "letters");
    await layOutSample(sample, folder);
    await spoil(folder);
    const refused = layOutSample(sample, folder);
    await expect(refused).rejects.toThrow(`${folder} is not empty: give the sample letters a folder that`);
    await expect(refused).rejects.toMatchObject({ kind: "usage" });
  });

  it("refuses a file and a different sample", async () => {
    await writeFile(join(root, "file"), "x");
    await expect(layOutSample(sample, join(root, "file"))).rejects.toThrow("is a file: give the sample a folder");
    await layOutSample(sample, join(root, "letters"));
    await expect(layOutSample({ ...sample, sources: [] }, join(root, "letters"))).rejects.toThrow("is not empty");
  });

  it("leaves nothing behind if an image is missing", async () => {
    await rm(join(root, "cache", "c"));
    await expect(layOutSample(sample, join(root, "letters"))).rejects.toMatchObject({ kind: "work" });
    expect(await readdir(root)).toEqual(["cache"]);
  });
});

describe("emojiImages", () => {
  it("labels an image with the group of the emoji in its file name", () => {
    const table = {
      "😀": { group: "Smileys & Emotion" },
      "❤️": { group: "Symbols" },
      "🇨🇭": { group: "Flags" },
      "🫩": { group: "Smileys & Emotion" },
    };
    const names = ["1f600", "2764-fe0f", "1f1e8-1f1ed", "1f44d-1f3fd"];
    const images = new Map(names.map((name) => [`assets/${name}.webp`, `/cache/${name}`]));
    expect(emojiImages(table, images)).toEqual([
      { class: "smileys-emotion", name: "1f600.webp", source: "/cache/1f600" },
      { class: "symbols", name: "2764-fe0f.webp", source: "/cache/2764-fe0f" },
      { class: "flags", name: "1f1e8-1f1ed.webp", source: "/cache/1f1e8-1f1ed" },
    ]);
  });
});

describe("findSample", () => {
  it("lists the names for an unknown sample", () => {
    expect(findSample("emoji").images).toBe(1852);
    expect(() => findSample("flowers")).toThrow('There is no sample "flowers": choose emoji.');
  });
});
