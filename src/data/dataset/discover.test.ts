import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tarballOf } from "../../../tests/support/tar.ts";
import { zipOf } from "../../../tests/support/zip.ts";
import { datasetDigest } from "./dataset.ts";
import { type Dataset, discoverDataset, withTestFolder } from "./discover.ts";
import { below, lay, linesOf, pets } from "./testing.ts";

// Archives are unpacked into the cache.
process.env.GRAFT_CACHE = mkdtempSync(join(tmpdir(), "graft-cache-"));

const summary = (dataset: Dataset): string[] => linesOf(dataset, dataset.root);

describe("class folders", () => {
  test("reads one sub-folder per class, at any depth, in alphabetical order, without hidden files", async () => {
    const root = lay([...pets, "cat/deep/er/3.png", "cat/.DS_Store", ".git/config", "dog/Thumbs.db", "stray.jpg"]);
    const dataset = await discoverDataset(root);
    expect(dataset).toMatchObject({ layout: "class-folders", classes: ["cat", "dog"] });
    expect(dataset.ignored).toEqual([
      { path: join(root, ".git"), kind: "litter", reason: "hidden" },
      { path: join(root, "cat/.DS_Store"), kind: "litter", reason: "hidden" },
      { path: join(root, "dog/Thumbs.db"), kind: "litter", reason: "left behind by Windows Explorer" },
      { path: join(root, "stray.jpg"), kind: "beside", reason: "beside the class folders, not in one of them" },
    ]);
    expect(summary(dataset)).toEqual([
      "cat/1.jpg cat",
      "cat/2.jpg cat",
      "cat/deep/er/3.png cat",
      "dog/1.jpg dog",
      "dog/2.jpg dog",
    ]);
  });

  test("reports files that are certainly not images; leaves an unknown ending to the decoder", async () => {
    const root = lay([...pets, "cat/notes.TXT", "cat/photo", "cat/4.xyz"]);
    symlinkSync(join(root, "nowhere"), join(root, "dog", "broken.jpg"));
    const { examples, ignored } = await discoverDataset(root);
    expect(ignored.map(({ path, reason }) => [below(root, path), reason])).toEqual([
      ["cat/notes.TXT", "not an image by its ending"],
      ["dog/broken.jpg", "a link to nothing"],
    ]);
    expect(examples).toHaveLength(6);
  });

  test("follows links, but never in circles", async () => {
    const root = lay(pets);
    symlinkSync(root, join(root, "cat", "loop"));
    symlinkSync(join(root, "cat"), join(root, "dog", "cats"));
    const { examples } = await discoverDataset(root);
    expect(new Set(examples.map(({ path }) => path)).size).toBe(examples.length);
    expect(examples.length).toBeLessThan(40);
  });

  test("accepts class names of any kind", async () => {
    const root = lay([
      "ä b/1.jpg",
      "ä b/2.jpg",
      "__proto__/1.jpg",
      "__proto__/2.jpg",
      "constructor/1.jpg",
      "constructor/2.jpg",
    ]);
    expect((await discoverDataset(root)).classes).toEqual(["__proto__", "constructor", "ä b"]);
  });
});

describe("split folders", () => {
  test("reads train, val or validation, and test; reports what is beside them", async () => {
    const root = lay([...pets.map((file) => `train/${file}`), "val/cat/3.jpg", "test/dog/4.jpg", "extra/cat/5.jpg"]);
    const dataset = await discoverDataset(root);
    expect(dataset.layout).toBe("split-folders");
    expect(summary(dataset)).toEqual([
      "test/dog/4.jpg dog test",
      "train/cat/1.jpg cat train",
      "train/cat/2.jpg cat train",
      "train/dog/1.jpg dog train",
      "train/dog/2.jpg dog train",
      "val/cat/3.jpg cat validation",
    ]);
    expect(dataset.ignored.map(({ path }) => below(root, path))).toEqual(["extra"]);
  });

  test("refuses a class that only the test images have", async () => {
    const root = lay([...pets.map((file) => `train/${file}`), "test/cow/1.jpg"]);
    await expect(discoverDataset(root)).rejects.toThrow('has a class "cow" that the training images lack');
  });

  test("a test part alone can be evaluated on, but not trained on", async () => {
    const root = lay(["test/cat/1.jpg", "test/dog/1.jpg"]);
    await expect(discoverDataset(root)).rejects.toThrow("has no training images");
    expect(summary(await discoverDataset(root, "judge"))).toEqual([
      "test/cat/1.jpg cat test",
      "test/dog/1.jpg dog test",
    ]);
  });
});

describe("another dataset as the test part", () => {
  const trained = (): Promise<Dataset> =>
    discoverDataset(lay([...pets.map((file) => `train/${file}`), "test/dog/4.jpg"]));

  test("replaces the dataset's own test part", async () => {
    const other = lay(["dog/9.jpg", "cat/8.jpg", "notes.md"]);
    const { examples, ignored } = await withTestFolder(await trained(), other);
    expect(examples.filter(({ split }) => split === "test").map(({ path }) => below(other, path))).toEqual([
      "cat/8.jpg",
      "dog/9.jpg",
    ]);
    expect(examples).toHaveLength(6);
    expect(ignored.map(({ path }) => below(other, path))).toEqual(["notes.md"]);
  });

  test("may have parts of its own, be a list or an archive, or hold one class", async () => {
    const testLines = async (path: string): Promise<string[]> => {
      const { classes, examples } = await withTestFolder(await trained(), path);
      return examples.filter(({ split }) => split === "test").map(({ label }) => classes[label]!);
    };
    expect(await testLines(lay(["train/cat/1.jpg", "test/dog/2.jpg"]))).toEqual(["dog"]);
    expect(await testLines(join(lay({ "a.csv": "path,label\n1.jpg,dog\n", "1.jpg": "" }), "a.csv"))).toEqual(["dog"]);
    expect(await testLines(lay(["cat/indoor/1.jpg", "cat/outdoor/2.jpg"]))).toEqual(["cat", "cat"]);
    const zip = zipOf([{ name: "cat/1.jpg", data: Buffer.from("x") }]);
    expect(await testLines(join(lay({ "a.zip": zip }), "a.zip"))).toEqual(["cat"]);
  });

  test("is refused if it cannot be a test", async () => {
    const dataset = await trained();
    await expect(withTestFolder(dataset, lay(["cow/1.jpg"]))).rejects.toThrow('a class "cow"');
    await expect(withTestFolder(dataset, lay([]))).rejects.toThrow("no class folders with images");
    await expect(withTestFolder(dataset, join(lay([]), "none"))).rejects.toThrow("no test folder");
    await expect(withTestFolder(dataset, lay(pets.map((file) => `train/${file}`)))).rejects.toThrow("no test part");
    await expect(withTestFolder(dataset, lay(["train/1.jpg", "test/1.jpg"]))).rejects.toThrow("nothing says");
  });
});

describe("groups", () => {
  test("come from a column of a list", async () => {
    const text = "path,label,group\n1.jpg,a,x\n2.jpg,a,\n3.jpg,b,x\n4.jpg,b,y\n";
    const root = lay({ "a.csv": text, "1.jpg": "", "2.jpg": "", "3.jpg": "", "4.jpg": "" });
    const { examples } = await discoverDataset(join(root, "a.csv"));
    expect(examples.map(({ group }) => group)).toEqual(["x", undefined, "x", "y"]);
  });
});

describe("archives", () => {
  const images = pets.map((path) => ({ path, content: `bytes of ${path}` }));
  const zip = zipOf(images.map(({ path, content }) => ({ name: `set/${path}`, data: Buffer.from(content) })));

  test("are read like folders, from the same path every time", async () => {
    const root = lay({ "a.zip": zip, "renamed.bin": zip, "a.tgz": tarballOf(images) });
    const first = await discoverDataset(join(root, "a.zip"));
    expect(summary(first)).toEqual(pets.map((file) => `set/${file} ${file.slice(0, 3)}`));
    expect(first.archive).toBe(join(root, "a.zip"));
    expect(readFileSync(first.examples[0]!.path, "utf8")).toBe("bytes of cat/1.jpg");
    const again = await discoverDataset(join(root, "renamed.bin"));
    expect(again.examples).toEqual(first.examples);
    expect(again.notes![0]).toContain("renamed.bin is read from");
    const tar = await discoverDataset(join(root, "a.tgz"));
    expect(summary(tar)).toEqual(pets.map((file) => `${file} ${file.slice(0, 3)}`));
  });

  test("report skipped files by archive and entry", async () => {
    const entries = [...images, { path: "cat/notes.txt", content: "words" }, { path: "stray.jpg", content: "x" }];
    const root = lay({ "a.tar.gz": tarballOf(entries) });
    const { ignored } = await discoverDataset(join(root, "a.tar.gz"));
    expect(ignored.map(({ path, kind }) => [path, kind])).toEqual([
      [join(root, "a.tar.gz/cat/notes.txt"), "not-image"],
      [join(root, "a.tar.gz/stray.jpg"), "beside"],
    ]);
  });

  test("cannot make a list read files outside of them", async () => {
    const secret = lay(["secret.jpg"]);
    const list = `path,label\n${join(secret, "secret.jpg")},a\n../../../../../../../../../../${join(secret, "secret.jpg").slice(1)},b\n1.jpg,a\n`;
    const root = lay({
      "a.zip": zipOf([
        { name: "metadata.csv", data: Buffer.from(list) },
        { name: "1.jpg", data: Buffer.from("x") },
      ]),
    });
    const { examples, ignored } = await discoverDataset(join(root, "a.zip"), "judge");
    expect(examples).toHaveLength(1);
    expect(ignored.map(({ kind }) => kind)).toEqual(["missing", "missing"]);
  });

  test("of other kinds, and other files, are errors with the remedy", async () => {
    const root = lay({ "a.7z": "7z\xbc\xaf\x27\x1c", "a.tar.xz": "\xfd7zXZ\0", "photo.jpg": "x", "a.parquet": "PAR1" });
    writeFileSync(join(root, "a.7z"), Buffer.from("7z\xbc\xaf\x27\x1c", "latin1"));
    writeFileSync(join(root, "a.tar.xz"), Buffer.from("\xfd7zXZ\0", "latin1"));
    await expect(discoverDataset(join(root, "a.7z"))).rejects.toThrow(
      "is packed as 7z, which is not supported: unpack it",
    );
    await expect(discoverDataset(join(root, "a.tar.xz"))).rejects.toThrow("is packed as xz");
    await expect(discoverDataset(join(root, "photo.jpg"))).rejects.toThrow("is a file, not a dataset");
    await expect(discoverDataset(join(root, "a.parquet"))).rejects.toThrow(".csv, .tsv or .jsonl list");
  });
});

describe("a dataset that cannot be used", () => {
  const wrong: [string, readonly string[], string][] = [
    ["an empty folder", [], "is empty: put one sub-folder per class into it"],
    ["files alone", ["1.jpg", "2.jpg"], "no class folders"],
    ["empty classes", ["cat/.keep", "dog/.keep"], "hold no images"],
    ["one class", ["cat/1.jpg", "cat/2.jpg"], 'only one class, "cat"'],
    [
      "one class of folders",
      ["cat/a/1.jpg", "cat/b/2.jpg", "dog/.keep"],
      'give its folder "cat" if the folders in it are',
    ],
    ["one image in a class", [...pets, "cow/1.jpg"], 'The class "cow" has only one training image'],
    [
      "one image in a class of the training part",
      ["train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "test/b/2.jpg"],
      '"b" has only one',
    ],
  ];
  for (const [title, files, says] of wrong) {
    test(title, async () => {
      await expect(discoverDataset(lay(files))).rejects.toMatchObject({
        kind: "data",
        message: expect.stringContaining(says),
      });
    });
  }

  test("a path that does not exist", async () => {
    await expect(discoverDataset(join(lay([]), "none"))).rejects.toMatchObject({ kind: "data" });
  });
});

const fileDigest = (path: string): Buffer => createHash("sha256").update(readFileSync(path)).digest();

describe("datasetDigest", () => {
  const digest = async (root: string): Promise<string> => {
    const dataset = await discoverDataset(root);
    const files = dataset.examples.flatMap(({ path }, i) => (existsSync(path) ? [[i, fileDigest(path)] as const] : []));
    return datasetDigest(dataset, new Map(files));
  };

  test("depends on the content of the dataset, not on its place", async () => {
    const root = lay(pets);
    const first = await digest(root);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest(lay(pets))).toBe(first);
    writeFileSync(join(root, "cat", "1.jpg"), "another image");
    const changed = await digest(root);
    renameSync(join(root, "cat"), join(root, "wolf"));
    const renamed = await digest(root);
    const split = await digest(lay(pets.map((file) => `train/${file}`)));
    expect(new Set([first, changed, renamed, split]).size).toBe(4);
  });

  test("an unreadable file counts as such", async () => {
    const root = lay(pets);
    const whole = await digest(root);
    const dataset = await discoverDataset(root);
    expect(datasetDigest(dataset, new Map())).not.toBe(whole);
  });
});
