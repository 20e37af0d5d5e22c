import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { datasetDigest } from "../digest.ts";
import { type Dataset, discoverDataset, withTestFolder } from "./discover.ts";

/** A folder with these files, each holding its own name, or the text given. */
function lay(files: readonly string[] | Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "graft-data-"));
  const entries = Array.isArray(files) ? files.map((name) => [name, name]) : Object.entries(files);
  for (const [name, text] of entries as [string, string][]) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

const summary = ({ root, classes, examples }: Dataset): string[] =>
  examples.map(
    ({ path, label, split }) => `${relative(root, path)} ${classes[label]}${split === undefined ? "" : ` ${split}`}`,
  );

const pets = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"];

describe("class folders", () => {
  test("one sub-folder a class, at any depth, in alphabetical order, hidden files left out", async () => {
    const root = lay([...pets, "cat/deep/er/3.png", "cat/.DS_Store", ".git/config", "dog/Thumbs.db", "stray.jpg"]);
    const dataset = await discoverDataset(root);
    expect(dataset).toMatchObject({ layout: "class-folders", classes: ["cat", "dog"] });
    expect(dataset.ignored).toEqual([
      { path: join(root, "stray.jpg"), reason: "beside the class folders, not in one of them" },
    ]);
    expect(summary(dataset)).toEqual([
      "cat/1.jpg cat",
      "cat/2.jpg cat",
      "cat/deep/er/3.png cat",
      "dog/1.jpg dog",
      "dog/2.jpg dog",
    ]);
  });

  test("what is surely no picture is listed; an unknown ending is left to the decoder", async () => {
    const root = lay([...pets, "cat/notes.TXT", "cat/photo", "cat/4.xyz"]);
    symlinkSync(join(root, "nowhere"), join(root, "dog", "broken.jpg"));
    const { examples, ignored } = await discoverDataset(root);
    expect(ignored.map(({ path, reason }) => [relative(root, path), reason])).toEqual([
      ["cat/notes.TXT", "not an image by its ending"],
      ["dog/broken.jpg", "a link to nothing"],
    ]);
    expect(examples).toHaveLength(6);
  });

  test("links are followed, but never in circles", async () => {
    const root = lay(pets);
    symlinkSync(root, join(root, "cat", "loop"));
    symlinkSync(join(root, "cat"), join(root, "dog", "cats"));
    const { examples } = await discoverDataset(root);
    expect(new Set(examples.map(({ path }) => path)).size).toBe(examples.length);
    expect(examples.length).toBeLessThan(40);
  });

  test("names of any kind are classes", async () => {
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
  test("train, val or validation, and test", async () => {
    for (const val of ["val", "validation"]) {
      const root = lay([
        ...pets.map((file) => `train/${file}`),
        `${val}/cat/3.jpg`,
        "test/dog/4.jpg",
        "extra/cat/5.jpg",
      ]);
      const dataset = await discoverDataset(root);
      expect(dataset.layout).toBe("split-folders");
      expect(summary(dataset)).toEqual([
        "test/dog/4.jpg dog test",
        "train/cat/1.jpg cat train",
        "train/cat/2.jpg cat train",
        "train/dog/1.jpg dog train",
        "train/dog/2.jpg dog train",
        `${val}/cat/3.jpg cat validation`,
      ]);
      expect(dataset.ignored.map(({ path }) => relative(root, path))).toEqual(["extra"]);
    }
  });

  test("classes may be called train and test, where train has no folders in it", async () => {
    const root = lay(["train/1.jpg", "train/2.jpg", "bus/1.jpg", "bus/2.jpg"]);
    expect(await discoverDataset(root)).toMatchObject({ layout: "class-folders", classes: ["bus", "train"] });
  });

  test("a class that only the test pictures have is an error", async () => {
    const root = lay([...pets.map((file) => `train/${file}`), "test/cow/1.jpg"]);
    await expect(discoverDataset(root)).rejects.toThrow('has a class "cow" that the training pictures lack');
  });

  test("another folder as the test part takes the place of the dataset's own", async () => {
    const dataset = await discoverDataset(lay([...pets.map((file) => `train/${file}`), "test/dog/4.jpg"]));
    const other = lay(["dog/9.jpg", "cat/8.jpg"]);
    const { examples } = await withTestFolder(dataset, other);
    expect(examples.filter(({ split }) => split === "test").map(({ path }) => relative(other, path))).toEqual([
      "cat/8.jpg",
      "dog/9.jpg",
    ]);
    expect(examples).toHaveLength(6);
    await expect(withTestFolder(dataset, lay(["cow/1.jpg"]))).rejects.toThrow('a class "cow"');
    await expect(withTestFolder(dataset, lay([]))).rejects.toThrow("no class folders with pictures");
    await expect(withTestFolder(dataset, join(other, "none"))).rejects.toThrow("no test folder");
  });
});

describe("lists", () => {
  const list = async (name: string, text: string): Promise<string[]> =>
    summary(await discoverDataset(join(lay({ [name]: text }), name))).map((line) => line.replace(/^\.\.\//, ""));

  test("csv: quoted cells, either line end, any order of columns, a byte order mark", async () => {
    const text =
      '\ufefflabel,path,split\r\ncat,"a, b.jpg",train\r\ncat,2.jpg,\r\n\r\ndog,"say ""hi"".jpg",train\ndog,4.jpg,val\ndog,5.jpg,test';
    const rows = await list("data.csv", `${text}\ndog,6.jpg,train\n`);
    expect(rows).toEqual([
      "a, b.jpg cat train",
      "2.jpg cat",
      'say "hi".jpg dog train',
      "4.jpg dog validation",
      "5.jpg dog test",
      "6.jpg dog train",
    ]);
  });

  test("jsonl: a line a picture, numbers are labels too", async () => {
    const lines = [1, 2, 3, 4].map((i) => JSON.stringify({ path: `${i}.jpg`, label: i % 2 }));
    expect(await list("data.jsonl", `${lines.join("\n")}\n\n`)).toEqual(["1.jpg 1", "2.jpg 0", "3.jpg 1", "4.jpg 0"]);
  });

  test("a list that cannot be read names the line", async () => {
    const wrong: [string, string, string][] = [
      ["a.csv", "", "must name the columns"],
      ["a.csv", "file,class\n1,2\n", "must name the columns"],
      ["a.csv", "path,label\n", "lists no pictures"],
      ["a.csv", "path,label\n1.jpg,cat\n2.jpg\n", "Entry 2 of"],
      ["a.csv", "path,label,split\n1.jpg,cat,tset\n", 'split "tset"'],
      ["a.csv", "path,label,split\n1.jpg,cat,__proto__\n", 'split "__proto__"'],
      ["a.jsonl", '{"path":"1.jpg","label":"a"}\n{oops\n', "Line 2 of"],
      ["a.jsonl", "[1]\n", "Entry 1 of"],
      ["a.jsonl", "null\n", "Line 1 of"],
      ["a.jsonl", "", "lists no pictures"],
      ["a.zip", "", "is a file, not a dataset"],
    ];
    for (const [name, text, says] of wrong) {
      await expect(list(name, text), text).rejects.toMatchObject({
        kind: "data",
        message: expect.stringContaining(says),
      });
    }
  });
});

describe("nothing to learn from", () => {
  const wrong: [string, readonly string[], string][] = [
    ["an empty folder", [], "is empty: put one sub-folder a class into it"],
    ["files alone", ["1.jpg", "2.jpg"], "no class folders"],
    ["empty classes", ["cat/.keep", "dog/.keep"], "hold no pictures"],
    ["one class", ["cat/1.jpg", "cat/2.jpg"], 'only one class, "cat"'],
    ["one picture in a class", [...pets, "cow/1.jpg"], 'The class "cow" has only one training image'],
    [
      "one picture in a class of the training part",
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

  test("a path that is not there", async () => {
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

  test("depends on what lies in the dataset, not on where it lies", async () => {
    const root = lay(pets);
    const first = await digest(root);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest(lay(pets))).toBe(first);
    writeFileSync(join(root, "cat", "1.jpg"), "another picture");
    const changed = await digest(root);
    renameSync(join(root, "cat"), join(root, "wolf"));
    const renamed = await digest(root);
    const split = await digest(lay(pets.map((file) => `train/${file}`)));
    expect(new Set([first, changed, renamed, split]).size).toBe(4);
  });

  test("a file that cannot be read counts as such", async () => {
    const list = lay({ "a.csv": "path,label\n1.jpg,a\n2.jpg,a\n3.jpg,b\n4.jpg,b\n" });
    expect(await digest(join(list, "a.csv"))).toMatch(/^[0-9a-f]{64}$/);
  });
});
