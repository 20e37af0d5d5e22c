/** Folders as they are found in the wild. What layouts mean: discover.test.ts. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { discoverDataset } from "./discover.ts";
import { picturesBelow } from "./walk.ts";

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

function lay(files: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), "graft-walk-"));
  made.push(root);
  for (const name of files) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), name);
  }
  return root;
}

const pets = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"];

async function found(root: string): Promise<{ pictures: string[]; ignored: string[] }> {
  const { examples, ignored } = await discoverDataset(root);
  return {
    pictures: examples.map(({ path }) => relative(root, path)),
    ignored: ignored.map(({ path, reason }) => `${relative(root, path)}: ${reason}`),
  };
}

describe("links", () => {
  it("to a folder that holds the class bring in no other class's pictures", async () => {
    const root = lay(pets);
    symlinkSync(root, join(root, "cat", "root"));
    symlinkSync(dirname(root), join(root, "cat", "above"));
    symlinkSync(join(root, "cat"), join(root, "cat", "self"));
    const reason = "a link to a folder that is read already";
    expect(await found(root)).toEqual({
      pictures: pets,
      ignored: [`cat/above: ${reason}`, `cat/root: ${reason}`, `cat/self: ${reason}`],
    });
  });

  it("bring in a folder once, however many lead there and to each other", async () => {
    const root = lay([...pets, "cat/a/3.jpg", "cat/b/4.jpg", "cat/c/5.jpg"]);
    for (const from of "abc") for (const to of "abc") symlinkSync(join(root, "cat", to), join(root, "cat", from, to));
    const ignored: { path: string; reason: string }[] = [];
    const pictures = await picturesBelow(join(root, "cat"), root, ignored);
    expect(pictures.map((path) => path.slice(-5)).sort()).toEqual(["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"]);
    expect(ignored.length).toBeGreaterThan(0);
  });

  it("to a class's pictures elsewhere are followed", async () => {
    const elsewhere = lay(["1.jpg", "deep/2.jpg"]);
    const root = lay(["dog/1.jpg", "dog/2.jpg"]);
    symlinkSync(elsewhere, join(root, "cat"));
    const { pictures, ignored } = await found(root);
    expect(pictures).toEqual(["cat/1.jpg", "cat/deep/2.jpg", "dog/1.jpg", "dog/2.jpg"]);
    expect(ignored).toEqual([]);
  });
});

describe("files", () => {
  it("are pictures by their content, even where their ending says otherwise", async () => {
    const root = lay([...pets, "cat/words.txt"]);
    const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
      .jpeg()
      .toBuffer();
    writeFileSync(join(root, "cat", "photo.txt"), jpeg);
    const { pictures, ignored } = await found(root);
    expect(pictures).toContain("cat/photo.txt");
    expect(ignored).toEqual(["cat/words.txt: not an image by its ending"]);
  });

  it.skipIf(process.platform === "win32")("that are pipes are not waited for", async () => {
    const root = lay(pets);
    execFileSync("mkfifo", [join(root, "cat", "pipe.jpg"), join(root, "cat", "pipe.txt")]);
    const reason = "neither a file nor a folder";
    expect((await found(root)).ignored).toEqual([`cat/pipe.jpg: ${reason}`, `cat/pipe.txt: ${reason}`]);
  });
});

describe("folders", () => {
  it("without pictures are no classes, and are named", async () => {
    const root = lay([...pets, "cow/notes.md", "emu/.keep"]);
    const { classes } = await discoverDataset(root);
    expect(classes).toEqual(["cat", "dog"]);
    expect((await found(root)).ignored).toEqual([
      "cow/notes.md: not an image by its ending",
      "cow: a class folder without pictures",
      "emu: a class folder without pictures",
    ]);
  });

  it("beside train are not taken for parts by a name that objects have", async () => {
    const root = lay([...pets.map((file) => `train/${file}`), "constructor/cat/3.jpg", "train/labels.txt", "a.jpg"]);
    expect((await found(root)).ignored).toEqual([
      "constructor: beside train/, only val/, validation/ and test/ are read",
      "train/labels.txt: beside the class folders, not in one of them",
      "a.jpg: beside the class folders, not in one of them",
    ]);
  });

  it("may be called Train and TEST", async () => {
    const root = lay([...pets.map((file) => `Train/${file}`), "TEST/cat/3.jpg"]);
    const { layout, classes, examples } = await discoverDataset(root);
    expect({ layout, classes }).toEqual({ layout: "split-folders", classes: ["cat", "dog"] });
    expect(examples.map(({ split }) => split).sort()).toEqual(["test", "train", "train", "train", "train"]);
  });

  it("are one class however their accents are spelt", async () => {
    const [composed, decomposed] = ["r\u00e9", "re\u0301"];
    const root = lay([
      ...pets.map((file) => `train/${file}`),
      `train/${composed}/1.jpg`,
      `train/${composed}/2.jpg`,
      `test/${decomposed}/3.jpg`,
    ]);
    expect((await discoverDataset(root)).classes).toEqual(["cat", "dog", composed]);
  });
});

describe("lists", () => {
  it.each([
    ["a.csv", 'path,label\n1.jpg,cat\n"2.jpg,cat\n', "Line 3 of", "a quote is left open"],
    ["a.csv", "path,label,split\n1.jpg,cat,train\nx/../1.jpg,cat,test\n", "Entry 2 of", "of entry 1 once more"],
    ["a.jsonl", '{"path":"1.jpg","label":null}\n', "Entry 1 of", "lacks a path or a label"],
    ["a.jsonl", '{"path":"1.jpg","label":{"a":1}}\n', "Entry 1 of", "lacks a path or a label"],
    ["a.csv", "path,label\n1.jpg,cat\n2.jpg,cat\n", "only one class", "list pictures of at least two classes"],
  ])("%s %j is refused", async (name, text, where, what) => {
    const path = join(lay([]), name);
    writeFileSync(path, text);
    const failure: unknown = await discoverDataset(path).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: "data", message: expect.stringContaining(where) });
    expect(failure).toMatchObject({ message: expect.stringContaining(what) });
  });
});
