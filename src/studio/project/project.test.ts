import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import sharp from "sharp";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { drawShape, encode, writeShapes } from "../../../tests/support/pictures.ts";
import { tarballOf } from "../../../tests/support/tar.ts";
import { zipOf } from "../../../tests/support/zip.ts";
import { discoverDataset } from "../../data/dataset/discover.ts";
import { openProject, type Project } from "./project.ts";

let pictures: Buffer[];
beforeAll(async () => {
  pictures = await Promise.all([1, 2, 3].map((seed) => encode(drawShape("circle", 40, 30, seed), "png")));
});

let root: string;
let project: Project;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "graft-project-"));
  project = await openProject(root);
});

const add = (className: string, name: string, bytes = pictures[0]!) =>
  project.add(Readable.from([bytes]), className, name);
const undo = async (): Promise<string | undefined> => (await project.undo())?.words;
const idsOf = async (name: string): Promise<readonly string[]> => (await project.pictures(name)).pictures;
const counts = async (): Promise<Record<string, number>> =>
  Object.fromEntries((await project.info()).classes.map(({ name, pictures: count }) => [name, count]));

describe("classes", () => {
  it("are folders, which the command line reads as they are", async () => {
    await project.createClass("ant");
    await project.createClass(" Löwe ".normalize("NFD"));
    for (const name of ["ant", "Löwe"]) for (const i of [0, 1]) await add(name, `${i}.png`, pictures[i]);
    expect(readdirSync(root).sort()).toEqual([".graft", "Löwe", "ant"]);
    const dataset = await discoverDataset(root);
    expect([dataset.classes, dataset.examples.length]).toEqual([["Löwe", "ant"], 4]);
  });

  it("say what is wanting before training", async () => {
    const obstacle = async (): Promise<string | null> => (await project.info()).obstacle;
    expect(await obstacle()).toContain("no class has images");
    await add("ant", "a.png");
    expect(await obstacle()).toContain("only “ant”");
    await add("bee", "a.png");
    expect(await obstacle()).toContain("“ant” has only one image");
    await add("ant", "b.png", pictures[1]);
    await add("bee", "b.png", pictures[1]);
    expect(await obstacle()).toBeNull();
  });

  it("are not made twice, nor renamed onto each other", async () => {
    await project.createClass("ant");
    await project.createClass("bee");
    await expect(project.createClass("ant")).rejects.toThrow('class "ant" already exists');
    await expect(project.renameClass("ant", "bee")).rejects.toThrow("Move the images there");
    await expect(project.renameClass("wasp", "fly")).rejects.toThrow('no class "wasp"');
  });

  it("with train/, val/ and test/: new images are for training, a rename is one in all of them", async () => {
    for (const split of ["train", "test"]) await writeShapes(join(root, split), { circle: 2, square: 2 });
    const { classes } = await project.info();
    expect(classes.map(({ name, pictures: all, apart }) => [name, all, apart])).toEqual([
      ["circle", 4, 2],
      ["square", 4, 2],
    ]);
    expect(await add("circle", "new.png")).toEqual({ kind: "added", id: "train/circle/new.png" });
    await project.renameClass("circle", "ring");
    expect(readdirSync(join(root, "test")).sort()).toEqual(["ring", "square"]);
    await project.relabel(["test/ring/000.png"], "square");
    expect(existsSync(join(root, "test/square/000-2.png"))).toBe(true);
    await project.undo();
    await project.undo();
    expect(await counts()).toEqual({ circle: 5, square: 4 });
  });
});

describe("images", () => {
  it("keep their names; others of the same name get a number; the very same file is known", async () => {
    expect(await add("ant", "a.png")).toEqual({ kind: "added", id: "ant/a.png" });
    expect(await add("ant", "a.png")).toEqual({ kind: "known", id: "ant/a.png" });
    expect(await add("ant", "a.png", pictures[1])).toEqual({ kind: "added", id: "ant/a-2.png" });
    expect(await add("ant", "a.png", pictures[1])).toEqual({ kind: "known", id: "ant/a-2.png" });
    expect(await idsOf("ant")).toEqual(["ant/a-2.png", "ant/a.png"]);
  });

  it("of one name that come at once all find a place", async () => {
    await Promise.all(pictures.map((bytes) => add("ant", "same.png", bytes)));
    expect((await idsOf("ant")).length).toBe(3);
    const kept = (await idsOf("ant")).map((id) => readFileSync(join(root, id)));
    for (const bytes of pictures) expect(kept.some((other) => other.equals(bytes))).toBe(true);
  });

  it("that break off leave nothing", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield pictures[0]!.subarray(0, 100);
      throw new Error("gone");
    }
    await expect(project.add(Readable.from(broken()), "ant", "a.png")).rejects.toThrow("gone");
    expect(readdirSync(project.paths.incoming)).toEqual([]);
    expect(existsSync(join(root, "ant"))).toBe(false);
  });

  it("that were being received when the process ended are cleared away at the next start", async () => {
    mkdirSync(project.paths.incoming, { recursive: true });
    writeFileSync(join(project.paths.incoming, "half.part"), "x");
    await openProject(root);
    expect(existsSync(project.paths.incoming)).toBe(false);
  });
});

describe("undo", () => {
  beforeEach(async () => {
    await add("ant", "a.png", pictures[0]);
    await add("ant", "b.png", pictures[1]);
    await add("bee", "a.png", pictures[2]);
  });

  it("takes back moving, removing and renaming, the last first, after a restart too", async () => {
    await project.relabel(["ant/a.png"], "bee");
    expect(await idsOf("bee")).toEqual(["bee/a-2.png", "bee/a.png"]);
    await project.remove(["ant/b.png", "bee/a.png"]);
    await project.renameClass("bee", "wasp");
    await project.removeClass("wasp");
    expect(await counts()).toEqual({ ant: 0 });
    project = await openProject(root);
    const undone = [await undo(), await undo(), await undo(), await undo()];
    expect(undone).toEqual([
      "removing the class “wasp”",
      "renaming “bee” to “wasp”",
      "removing 2 images",
      "moving 1 image to “bee”",
    ]);
    expect(await project.undo()).toBeUndefined();
    expect(await counts()).toEqual({ ant: 2, bee: 1 });
    for (const [i, id] of ["ant/a.png", "ant/b.png", "bee/a.png"].entries())
      expect(readFileSync(join(root, id)).equals(pictures[i]!)).toBe(true);
  });

  it("takes back what was added together; the images are in the trash, not gone", async () => {
    await project.noteAdded(["ant/a.png", "ant/b.png"]);
    expect((await project.info()).undo?.words).toBe("adding 2 images");
    await project.undo();
    expect(await counts()).toEqual({ ant: 0, bee: 1 });
    expect(
      readdirSync(project.paths.trash, { recursive: true }).filter((path) => String(path).endsWith(".png")),
    ).toHaveLength(2);
  });

  it("puts back what can be put back where a crash ended a change half-way, or files were taken by hand", async () => {
    await project.remove(["ant/a.png", "ant/b.png"]);
    const [change] = readdirSync(project.paths.trash);
    rmSync(join(project.paths.trash, change!, "ant/a.png"));
    project = await openProject(root);
    expect(await project.undo()).toEqual({ words: "removing 2 images", restored: 1, missing: 1 });
    expect(await idsOf("ant")).toEqual(["ant/b.png"]);
  });

  it("puts back all or nothing: a name that is in use again stops it before anything moves", async () => {
    await project.remove(["ant/a.png", "ant/b.png"]);
    await add("ant", "a.png", pictures[2]);
    await expect(project.undo()).rejects.toThrow("Could not undo removing 2 images: “ant/a.png” is in use again");
    expect(await idsOf("ant")).toEqual(["ant/a.png"]);
    await project.remove(["ant/a.png"]);
    await undo();
    rmSync(join(root, "ant/a.png"));
    expect(await project.undo()).toEqual({ words: "removing 2 images", restored: 2, missing: 0 });
  });

  it("takes back the change that is meant, or none", async () => {
    const first = (await project.remove(["ant/a.png"])).change!;
    const second = (await project.relabel(["ant/b.png"], "bee")).change!;
    await expect(project.undo(first)).rejects.toThrow("There is a later change. Undo moving 1 image to “bee” first.");
    expect((await project.undo(second))?.words).toBe("moving 1 image to “bee”");
    await expect(project.undo(second)).rejects.toThrow("already undone");
    expect((await project.undo(first))?.words).toBe("removing 1 image");
    await expect(project.undo(first)).rejects.toThrow("already undone");
  });

  it("says so if everything was removed outside, and continues with the change before", async () => {
    await project.relabel(["ant/b.png"], "bee");
    await project.remove(["ant/a.png"]);
    rmSync(project.paths.trash, { recursive: true });
    expect(await project.undo()).toEqual({ words: "removing 1 image", restored: 0, missing: 1 });
    expect(await undo()).toBe("moving 1 image to “bee”");
  });

  it("is for changes that were made: of one that cannot be made whole, nothing is made or kept", async () => {
    const project2 = await openProject(root);
    await project2.remove(["ant/b.png"]);
    // The lock refuses two studios on one folder; two writers stand for someone who changes files by hand.
    mkdirSync(join(root, "wasp"));
    await expect(project.renameClass("bee", "wasp")).rejects.toThrow('class "wasp" already exists');
    await expect(project.remove(["ant/a.png", "ant/b.png"])).rejects.toThrow('"ant/b.png" no longer exists');
    expect([await idsOf("ant"), (await project.info()).undo]).toEqual([["ant/a.png"], null]);
  });

  it("overwrites nothing that has come since", async () => {
    await project.remove(["ant/a.png"]);
    await add("ant", "a.png", pictures[2]);
    await expect(project.undo()).rejects.toThrow("“ant/a.png” is in use again. Rename");
    expect(readFileSync(join(root, "ant/a.png")).equals(pictures[2]!)).toBe(true);
  });

  it("survives a journal whose last line was cut off", async () => {
    await project.remove(["ant/a.png"]);
    writeFileSync(project.paths.journal, '{"change":{"id":"x","wor', { flag: "a" });
    project = await openProject(root);
    await project.remove(["ant/b.png"]);
    project = await openProject(root);
    expect(project.notices).toEqual([]);
    expect([await undo(), await undo()]).toEqual(["removing 1 image", "removing 1 image"]);
    expect(await counts()).toEqual({ ant: 2, bee: 1 });
  });
});

describe("archives", () => {
  const addArchive = async (archive: Uint8Array, loose?: string) => {
    const { notes: _, ...imported } = await project.addArchive(Readable.from([archive]), loose);
    return imported;
  };

  it("give each image the class of the folder that it is in, and are undone as one", async () => {
    const entries = [
      { name: "data/", data: Buffer.alloc(0) },
      { name: "data/ant/a.png", data: pictures[0]! },
      { name: "data/bee/b.png", data: pictures[1]! },
      { name: "c.png", data: pictures[2]! },
    ];
    const archive = zipOf(entries);
    expect(await addArchive(archive, "fly")).toMatchObject({ added: 3, known: 0, skipped: [] });
    expect(await counts()).toEqual({ ant: 1, bee: 1, fly: 1 });
    expect(await addArchive(archive, "fly")).toMatchObject({ added: 0, known: 3, skipped: [] });
    const tar = tarballOf(entries.map(({ name: path, data: content }) => ({ path, content })));
    expect(await addArchive(tar, "fly")).toMatchObject({ added: 0, known: 3, skipped: [] });
    expect(readdirSync(project.paths.incoming)).toEqual([]);
    expect(await undo()).toBe("adding 3 images");
    expect(await counts()).toEqual({ ant: 0, bee: 0, fly: 0 });
  });

  it("keep their parts: what is in test/ stays apart, also for the command line", async () => {
    const names = ["ant", "bee"].flatMap((name) => [
      `train/${name}/1.png`,
      `train/${name}/2.png`,
      `test/${name}/3.png`,
    ]);
    const entries = names.map((name) => ({ name, data: pictures[Number(name.at(-5)) - 1]! }));
    expect((await addArchive(zipOf(entries))).added).toBe(6);
    const { classes, obstacle } = await project.info();
    expect(classes.map(({ name, pictures: all, apart }) => [name, all, apart])).toEqual([
      ["ant", 3, 1],
      ["bee", 3, 1],
    ]);
    expect(obstacle).toBeNull();
    const { examples } = await discoverDataset(root);
    expect(examples.filter(({ split }) => split === "test").map(({ path }) => path.slice(root.length + 1))).toEqual([
      "test/ant/3.png",
      "test/bee/3.png",
    ]);
    expect(examples.filter(({ split }) => split === "train")).toHaveLength(4);
  });

  it("name the files that are not taken: damaged, none, of a class that cannot be", async () => {
    const { added, skipped } = await addArchive(
      zipOf([
        { name: "ant/a.png", data: pictures[0]! },
        { name: "ant/b.png", data: pictures[1]!, check: 7 },
        { name: "ant/c.png", data: Buffer.from("not a picture") },
        { name: "bee:/d.png", data: pictures[1]! },
        { name: "bee/deep/Thumbs.db", data: Buffer.from("x") },
      ]),
    );
    expect(added).toBe(1);
    expect(skipped.map(({ path, reason }) => [path, reason.split(/[:,]/)[0]])).toEqual([
      ["ant/c.png", "Could not read c.png"],
      ["bee:/d.png", '"bee'],
      ["ant/b.png", "damaged"],
      ["bee/deep/Thumbs.db", "left behind by Windows Explorer"],
    ]);
  });
});

describe("the project's folder", () => {
  it("shows parts that are named otherwise, and puts new images into the training part", async () => {
    for (const split of ["Training", "Testing"]) await writeShapes(join(root, split), { circle: 2, square: 2 });
    expect((await project.info()).classes.map(({ name, apart }) => [name, apart])).toEqual([
      ["circle", 2],
      ["square", 2],
    ]);
    expect(await add("circle", "new.png")).toEqual({ kind: "added", id: "Training/circle/new.png" });
    await project.relabel(["Testing/circle/000.png"], "square");
    expect(existsSync(join(root, "Testing/square/000-2.png"))).toBe(true);
  });

  it("says what stands in the way of training: parts without classes, a list, a class that is only tested", async () => {
    for (const name of ["train", "test"]) await writeShapes(join(root, name), { circle: 1 });
    for (const name of ["train", "test"]) renameSync(join(root, name, "circle/000.png"), join(root, name, "1.png"));
    expect((await project.info()).obstacle).toContain("nothing says which image shows what");
    writeFileSync(join(root, "train.csv"), "path,label\n1.png,a\n");
    expect((await project.info()).obstacle).toContain("come from a list");
    rmSync(join(root, "train.csv"));
    for (const name of ["train", "test"]) rmSync(join(root, name), { recursive: true });
    await writeShapes(join(root, "train"), { circle: 2, square: 2 });
    await writeShapes(join(root, "test"), { triangle: 1 });
    expect((await project.info()).obstacle).toContain("“triangle” has test images, but no training images");
  });

  it("shows no class where an empty part was left behind", async () => {
    await add("ant", "a.png");
    mkdirSync(join(root, "test"));
    expect((await project.info()).classes.map(({ name }) => name)).toEqual(["ant"]);
  });

  it("takes no class that training would take for something else", async () => {
    for (const name of ["test", "Training", "graft-out", "x-quarantine", "@eaDir"])
      await expect(project.createClass(name), name).rejects.toMatchObject({ kind: "usage" });
    await project.createClass("ant");
    await expect(project.renameClass("ant", "valid")).rejects.toThrow("the name of a split, not of a class");
    await expect(add("test", "a.png")).rejects.toThrow("the name of a split, not of a class");
  });
});

describe("thumbnails", () => {
  it("are small, upright and square, kept on disk, and follow the file", async () => {
    const wide = await sharp({ create: { width: 600, height: 300, channels: 3, background: "red" } })
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer();
    await add("ant", "wide.jpg", wide);
    const path = await project.fileOf("ant/wide.jpg");
    const [tile, large] = [await project.thumbnails.get(path, "tile"), await project.thumbnails.get(path, "large")];
    expect(await sharp(tile.bytes).metadata()).toMatchObject({ format: "webp", width: 224, height: 224 });
    expect(await sharp(large.bytes).metadata()).toMatchObject({ width: 300, height: 600 });
    expect((await project.thumbnails.get(path, "tile")).bytes.equals(tile.bytes)).toBe(true);
    writeFileSync(path, pictures[0]!);
    const changed = await project.thumbnails.get(path, "tile");
    expect(changed.tag).not.toBe(tile.tag);
    expect(changed.bytes.equals(tile.bytes)).toBe(false);
  });

  it("of a damaged image: an error of its own, and the next goes well", async () => {
    const jpeg = await encode(drawShape("square", 400, 400, 1), "jpeg");
    await add("ant", "cut.jpg", jpeg.subarray(0, jpeg.length / 2));
    await add("ant", "good.jpg", jpeg);
    await expect(project.thumbnails.get(await project.fileOf("ant/cut.jpg"), "tile")).rejects.toThrow("damaged");
    expect((await project.thumbnails.get(await project.fileOf("ant/good.jpg"), "tile")).bytes.length).toBeGreaterThan(
      100,
    );
  });
});
