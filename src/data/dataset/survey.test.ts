/** Folders as they occur in practice. read-layout.test.ts covers the meaning of layouts. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { discoverDataset } from "./discover.ts";
import { diskTree } from "./disk-tree.ts";
import type { Tree } from "./file-tree.ts";
import { createSurvey } from "./survey.ts";
import { below, lay, pets } from "./testing.ts";

async function found(root: string): Promise<{ images: string[]; ignored: string[] }> {
  const { examples, ignored } = await discoverDataset(root);
  return {
    images: examples.map(({ path }) => below(root, path)),
    ignored: ignored.map(({ path, reason }) => `${below(root, path)}: ${reason}`),
  };
}

describe("links", () => {
  it("to a folder that holds the class add no images of other classes", async () => {
    const root = lay(pets);
    symlinkSync(root, join(root, "cat", "root"));
    symlinkSync(dirname(root), join(root, "cat", "above"));
    symlinkSync(join(root, "cat"), join(root, "cat", "self"));
    const reason = "a link to a folder that is read already";
    expect(await found(root)).toEqual({
      images: pets,
      ignored: [`cat/above: ${reason}`, `cat/root: ${reason}`, `cat/self: ${reason}`],
    });
  });

  it("add a folder once, however many lead there and to each other", async () => {
    const root = lay([...pets, "cat/a/3.jpg", "cat/b/4.jpg", "cat/c/5.jpg"]);
    for (const from of "abc") for (const to of "abc") symlinkSync(join(root, "cat", to), join(root, "cat", from, to));
    const { imagesBelow, ignored } = createSurvey(diskTree(root));
    const images = await imagesBelow("cat");
    expect(images.map((path) => path.slice(-5)).sort()).toEqual(["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"]);
    expect(ignored.length).toBeGreaterThan(0);
  });

  it("from a class back to the whole dataset are not classes", async () => {
    const root = lay(["all/cat/1.jpg", "all/cat/2.jpg", "all/dog/1.jpg", "all/dog/2.jpg"]);
    symlinkSync(root, join(root, "all", "loop"));
    symlinkSync(join(root, "all"), join(root, "all", "again"));
    const { classes } = await discoverDataset(root);
    expect(classes).toEqual(["cat", "dog"]);
  });

  it("that lead to each other are reported", async () => {
    const root = lay(pets);
    symlinkSync(join(root, "cat", "b"), join(root, "cat", "a"));
    symlinkSync(join(root, "cat", "a"), join(root, "cat", "b"));
    expect((await found(root)).ignored).toEqual(
      ["a", "b"].map(
        (name) => `cat/${name}: a link that cannot be followed: its links lead in a circle: check the links`,
      ),
    );
  });

  it("to images of a class elsewhere are followed", async () => {
    const elsewhere = lay(["1.jpg", "deep/2.jpg"]);
    const root = lay(["dog/1.jpg", "dog/2.jpg"]);
    symlinkSync(elsewhere, join(root, "cat"));
    const { images, ignored } = await found(root);
    expect(images).toEqual(["cat/1.jpg", "cat/deep/2.jpg", "dog/1.jpg", "dog/2.jpg"]);
    expect(ignored).toEqual([]);
  });
});

describe("files", () => {
  it("are images by their content, even if their ending says otherwise", async () => {
    const root = lay([...pets, "cat/words.txt"]);
    const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
      .jpeg()
      .toBuffer();
    writeFileSync(join(root, "cat", "photo.txt"), jpeg);
    const { images, ignored } = await found(root);
    expect(images).toContain("cat/photo.txt");
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
  it("without images are not classes, and are reported", async () => {
    const root = lay([...pets, "cow/notes.md", "emu/.keep"]);
    const { classes } = await discoverDataset(root);
    expect(classes).toEqual(["cat", "dog"]);
    expect((await found(root)).ignored).toEqual([
      "cow: a class folder without images",
      "cow/notes.md: not an image by its ending",
      "emu: a class folder without images",
      "emu/.keep: hidden",
    ]);
  });

  it("beside train with names of object properties are not splits", async () => {
    const root = lay([...pets.map((file) => `train/${file}`), "constructor/cat/3.jpg", "train/labels.txt", "a.jpg"]);
    expect((await found(root)).ignored).toEqual([
      "a.jpg: beside the class folders, not in one of them",
      "constructor: beside train/, only val/, valid/, validation/, test/ and testing/ are read",
      "train/labels.txt: beside the class folders, not in one of them",
    ]);
  });

  it("may be called Train and TEST", async () => {
    const root = lay([...pets.map((file) => `Train/${file}`), "TEST/cat/3.jpg"]);
    const { layout, classes, examples } = await discoverDataset(root);
    expect({ layout, classes }).toEqual({ layout: "split-folders", classes: ["cat", "dog"] });
    expect(examples.map(({ split }) => split).sort()).toEqual(["test", "train", "train", "train", "train"]);
  });

  it("are one class however their accents are encoded", async () => {
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

describe("folders that the system cannot list", () => {
  const isRoot = process.getuid?.() === 0;

  it.skipIf(process.platform === "win32" || isRoot)("locked ones are listed, and the rest is used", async () => {
    const root = lay([...pets, "dog/deep/3.jpg", "cow/1.jpg"]);
    for (const name of ["dog/deep", "cow"]) chmodSync(join(root, name), 0);
    try {
      const { images, ignored } = await found(root);
      expect(images).toEqual(pets);
      const reason = "a folder that cannot be read: this user may not read it: change its permissions";
      expect(ignored).toEqual([`cow: ${reason}`, `dog/deep: ${reason}`]);
    } finally {
      for (const name of ["dog/deep", "cow"]) chmodSync(join(root, name), 0o755);
    }
  });

  /** A tree in which some folders fail, like a locked one for every user but root. */
  const failing = (root: string, code: string, folders: readonly string[]): Tree => {
    const tree = diskTree(root, { called: "" });
    const fail = (folder: string): void => {
      if (folders.includes(folder)) throw Object.assign(new Error(code), { code });
    };
    return {
      ...tree,
      list: async (folder) => {
        fail(folder);
        return tree.list(folder);
      },
      identityOf: async (folder) => {
        fail(folder);
        return tree.identityOf(folder);
      },
    };
  };

  it("give the same result for every user who runs this test", async () => {
    const survey = createSurvey(failing(lay([...pets, "dog/deep/3.jpg"]), "EACCES", ["dog/deep"]));
    expect(await survey.imagesBelow("dog")).toEqual(["dog/1.jpg", "dog/2.jpg"]);
    expect(survey.ignored).toMatchObject([{ path: "dog/deep", kind: "unreadable" }]);
  });

  it("too many open files are not a fault of the folder: the work ends with a sentence", async () => {
    const survey = createSurvey(failing(lay([...pets, "dog/deep/3.jpg"]), "EMFILE", ["dog/deep"]));
    await expect(survey.imagesBelow("dog")).rejects.toMatchObject({
      kind: "work",
      message: expect.stringContaining("Could not read dog/deep: this process has too many files open"),
    });
  });

  it("a root that cannot be read is reported as such, not as empty", async () => {
    const survey = createSurvey(failing(lay(pets), "EACCES", [""]));
    await expect(survey.list("")).rejects.toMatchObject({
      kind: "data",
      message: expect.stringContaining("may not read it"),
    });
  });
});

describe.skipIf(process.platform === "win32")("names that are no UTF-8", () => {
  const name = (text: string, byte: number): Buffer => Buffer.concat([Buffer.from(text), Buffer.from([byte])]);
  const at = (root: string, ...parts: (string | Buffer)[]): Buffer =>
    Buffer.concat([Buffer.from(root), ...parts.flatMap((part) => [Buffer.from("/"), Buffer.from(part)])]);

  it("of folders and files are reported, and the rest is used", async (context) => {
    const root = lay(pets);
    try {
      mkdirSync(at(root, name("fol", 0xe9)));
    } catch {
      context.skip("this file system takes no such names");
    }
    writeFileSync(at(root, name("fol", 0xe9), "1.jpg"), "x");
    writeFileSync(at(root, "cat", name("p", 0xff)), "x");
    const { images, ignored } = await found(root);
    expect(images).toEqual(pets);
    expect(ignored).toEqual([
      "cat/p\ufffd: its name is not UTF-8: rename it",
      "fol\ufffd: its name is not UTF-8: rename it",
    ]);
    rmSync(root, { recursive: true });
  });

  it("that contain the replacement character are valid names", async () => {
    const root = lay([...pets, "cat/a\ufffd.jpg"]);
    expect((await found(root)).images).toContain("cat/a\ufffd.jpg");
  });
});
