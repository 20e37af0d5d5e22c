/** Datasets as people have them, through the command line: archives, parts, lists. How each is read: src/data/dataset. */
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { graft, graftJson, temporaryFolder } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";
import { writeShapes } from "./support/pictures.ts";
import { tarballOf } from "./support/tar.ts";
import { zipOf } from "./support/zip.ts";

interface Trained {
  readonly classes: string[];
  readonly counts: { train: number; validation: number; test: number; skipped: number };
  readonly testedOn: string;
  readonly features: { computed: number; cached: number };
  readonly ignored: { path: string; kind: string; reason: string }[];
  readonly notes: string[];
  readonly out: string;
}

interface Predicted {
  readonly predictions: { path: string }[];
  readonly ignored: { kind: string }[];
}

const work = temporaryFolder();
const cache = join(work, "cache");
const network = join(work, "tiny.onnx");
const shapes = join(work, "shapes");
let serial = 0;
const options = (): string[] => [
  ...["--network", network, "--preprocessing", "imagenet", "--no-explain"],
  ...["--out", join(work, `out-${serial++}`)],
];
const train = (dataset: string, ...more: string[]): Promise<Trained> =>
  graftJson<Trained>(["train", dataset, ...options(), ...more], cache);

/** Every file of the shapes, below a folder. */
const entries = (under: string): { name: string; data: Buffer }[] =>
  readdirSync(shapes, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return { name: `${under}${path.slice(shapes.length + 1)}`, data: readFileSync(path) };
    });

beforeAll(async () => {
  writeFileSync(network, tinyNetwork());
  await writeShapes(shapes, { circle: 12, square: 12 });
});

describe("an archive", () => {
  test("trains, audits, evaluates, explains and predicts like the folder, from the same files every time", async () => {
    const zip = join(work, "shapes.zip");
    const spoilt = { name: "shapes/circle/bad.png", data: Buffer.from("x"), check: 1 };
    writeFileSync(zip, zipOf([...entries("shapes/"), spoilt, { name: "__MACOSX/x/._1.png", data: Buffer.from("x") }]));
    const trained = await train(zip);
    expect(trained).toMatchObject({ classes: ["circle", "square"], features: { computed: 24 } });
    expect(trained.ignored.map(({ path, kind }) => [path, kind])).toEqual([
      [`${zip}/__MACOSX`, "litter"],
      [`${zip}/shapes/circle/bad.png`, "damaged"],
    ]);
    expect(trained.notes).toEqual([
      expect.stringContaining("shapes.zip is read from"),
      `${zip}/shapes is the only folder, so its content was read as the dataset.`,
    ]);
    expect((await train(zip)).features).toEqual({ computed: 0, cached: 24 });
    const { answers } = JSON.parse(readFileSync(join(trained.out, "answers.json"), "utf8")) as {
      answers: { path: string }[];
    };
    for (const { path } of answers) expect(path).toMatch(/^shapes\/(circle|square)\/\d+\.\w+$/);

    const model = join(trained.out, "model.onnx");
    const evaluated = await graftJson<{ examples: number }>(["evaluate", model, zip], cache);
    expect(evaluated.examples).toBe(24);
    const { predictions: predicted } = await graftJson<Predicted>(["predict", model, zip], cache);
    expect(predicted).toHaveLength(24);
    expect(predicted[0]!.path).toBe(join(zip, "shapes/circle/000.png"));
    const image = join(shapes, "circle/000.png");
    const { explanations } = await graftJson<{ explanations: { nearest: unknown[] }[] }>(
      ["explain", model, image, "--out", join(work, "why")],
      cache,
    );
    expect(explanations[0]!.nearest).toHaveLength(5);
    const audit = ["audit", zip, "--network", network, "--preprocessing", "imagenet"];
    expect((await graftJson<{ pictures: number }>(audit, cache)).pictures).toBe(24);
  });

  test("may be a tar.gz; one that is damaged is refused with a sentence", async () => {
    const tar = join(work, "shapes.tgz");
    const bytes = tarballOf(entries("").map(({ name: path, data: content }) => ({ path, content })));
    writeFileSync(tar, bytes);
    expect((await train(tar)).features).toEqual({ computed: 0, cached: 24 });
    writeFileSync(tar, bytes.subarray(0, bytes.length / 2));
    const { code, stderr } = await graft(["train", tar, ...options()], cache);
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/graft: The archive .*shapes\.tgz was refused: it is damaged/),
    ]);
  });
});

describe("parts", () => {
  test("valid/ and test/ as Roboflow has them, the output folder and a quarantine among them", async () => {
    const root = join(work, "parts");
    for (const [name, count] of Object.entries({ train: 8, valid: 4, test: 4 }))
      await writeShapes(join(root, name), { circle: count, square: count }, serial++);
    const out = join(root, "my-run");
    const first = await train(root, "--out", out);
    expect(first).toMatchObject({ counts: { train: 16, validation: 8, test: 8 }, testedOn: "folder" });
    mkdirSync(join(root, "graft-explain"));
    const again = await train(root, "--out", out);
    expect(again.counts).toEqual(first.counts);
    expect(again.ignored.map(({ path, kind }) => [path.slice(root.length + 1), kind])).toEqual([
      ["graft-explain", "own"],
      ["my-run", "own"],
    ]);
  });

  test("class folders beside the output folder: a second training has the same classes", async () => {
    const root = await writeShapes(join(work, "flat"), { circle: 6, square: 6 });
    const out = join(root, "my-run");
    const args = ["train", root, "--network", network, "--preprocessing", "imagenet", "--out", out];
    await graftJson(args, cache);
    const { classes } = await graftJson<Trained>(args, cache);
    expect(classes).toEqual(["circle", "square"]);
  });

  test("train/ against test/ without classes is explained", async () => {
    const root = await writeShapes(join(work, "unsorted"), { circle: 3, square: 3 });
    renameSync(join(root, "circle"), join(root, "train"));
    renameSync(join(root, "square"), join(root, "test"));
    const { code, stderr } = await graft(["train", root, ...options()], cache);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /graft: .* has test\/ and train\/ with images but no class folders in them, so nothing says/,
    );
  });
});

describe("lists", () => {
  test("a spreadsheet's: semicolons, Windows-1252, a missing file; words for a person", async () => {
    const files = entries("").map(({ name }) => name);
    const rows = files.map(
      (name) => `shapes\\${name.replace("/", "\\")};${name.startsWith("circle") ? "Größe" : "n"};x`,
    );
    const list = join(work, "list.csv");
    writeFileSync(list, Buffer.from(`Datei;x\r\n`, "latin1"));
    expect((await graft(["train", list, ...options()], cache)).stderr).toContain('it has "Datei", "x"');
    writeFileSync(list, Buffer.from(`File Name;Class;note\r\n${rows.join("\r\n")}\r\nnone.png;n;x\r\n`, "latin1"));
    const { code, stderr } = await graft(["train", list, ...options()], cache);
    expect([code, stderr]).toEqual([0, expect.stringContaining("24 files in 2 classes")]);
    expect(stderr).toContain("was read as Windows-1252");
    expect(stderr).toMatch(/Left out: .*none\.png \(line 26 of .*list\.csv names it, but there is no such file\)/);
  });
});

describe("predict", () => {
  test("follows links, in circles too, and reads nothing hidden", async () => {
    const { out } = await train(shapes);
    const root = await writeShapes(join(work, "ask"), { circle: 2 });
    symlinkSync(join(shapes, "square/000.png"), join(root, "link.png"));
    symlinkSync(root, join(root, "circle/loop"));
    mkdirSync(join(root, ".hidden"));
    writeFileSync(join(root, ".hidden/1.png"), readFileSync(join(root, "circle/000.png")));
    const model = join(out, "model.onnx");
    const { predictions, ignored } = await graftJson<Predicted>(["predict", model, root], cache);
    expect(ignored.map(({ kind }) => kind).sort()).toEqual(["litter", "special"]);
    expect(predictions.map(({ path }) => path.slice(root.length + 1))).toEqual([
      "circle/000.png",
      "circle/001.jpeg",
      "link.png",
    ]);
    const { stderr } = await graft(["predict", model, root], cache);
    expect(stderr).toContain("a link to a folder that is read already");
    mkdirSync(join(work, "nothing"));
    const none = await graft(["predict", model, join(work, "nothing")], cache);
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining("There are no images in")]);
  });
});
