/** Invalid input and failures: each ends in one sentence with its remedy and the right exit code, never in a stack trace. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { pngOfSize } from "./support/bomb.ts";
import { type Finished, graft, graftJson, type Predicted, startGraft, temporaryFolder } from "./support/cli.ts";
import { textNetwork, tinyNetwork } from "./support/network.ts";
import { drawShape, encode, writeShapes } from "./support/pictures.ts";

const work = temporaryFolder();
const cache = join(work, "cache");
const network = join(work, "tiny.onnx");
const good = join(work, "good");
let serial = 0;
const newFolder = (): string => join(work, `case-${serial++}`);
const train = (dataset: string, ...more: string[]): string[] => [
  "train",
  dataset,
  "--network",
  network,
  "--preprocessing",
  "imagenet",
  "--out",
  newFolder(),
  ...more,
];

const exitCode = { work: 1, usage: 2, data: 3 } as const;

function expectSentence({ code, stdout, stderr }: Finished, kind: keyof typeof exitCode, says: string): void {
  expect(stderr).toContain(says);
  expect({ code, stdout }).toEqual({ code: exitCode[kind], stdout: "" });
  const lines = stderr.trimEnd().split("\n");
  expect(lines.filter((line) => line.startsWith("graft: "))).toEqual([lines.at(-1)]);
  expect(lines.at(-1)).toMatch(/^graft: .*\.$/);
  expect(stderr).not.toMatch(/^\s+at /m);
}

beforeAll(async () => {
  writeFileSync(network, tinyNetwork());
  await writeShapes(good, { circle: 10, square: 10 });
});

describe("a dataset that cannot be learned from", () => {
  test("a folder that is not there", async () => {
    expectSentence(await graft(train(join(work, "nowhere")), cache), "data", "There is no dataset");
  });

  test("an empty folder", async () => {
    const folder = newFolder();
    mkdirSync(folder);
    expectSentence(await graft(train(folder), cache), "data", "is empty");
  });

  test("images without class folders", async () => {
    const folder = newFolder();
    mkdirSync(folder);
    cpSync(join(good, "circle", "000.png"), join(folder, "a.png"));
    expectSentence(await graft(train(folder), cache), "data", "no class folders");
  });

  test("one class", async () => {
    expectSentence(
      await graft(train(await writeShapes(newFolder(), { circle: 4 })), cache),
      "data",
      'only one class, "circle"',
    );
  });

  test("a class with one image", async () => {
    const folder = await writeShapes(newFolder(), { circle: 4, square: 1 });
    expectSentence(await graft(train(folder), cache), "data", 'The class "square" has only one training image');
  });

  test("a class with one image that can be read", async () => {
    const folder = await writeShapes(newFolder(), { circle: 5, square: 3 });
    for (const file of readdirSync(join(folder, "square")).slice(1)) writeFileSync(join(folder, "square", file), "no");
    expectSentence(await graft(train(folder), cache), "data", 'The class "square" has 1 readable image');
  });

  test("no image that can be read", async () => {
    const folder = newFolder();
    for (const name of ["a", "b"]) {
      mkdirSync(join(folder, name), { recursive: true });
      for (const file of ["1.jpg", "2.jpg", "3.jpg"]) writeFileSync(join(folder, name, file), "these are words");
    }
    expectSentence(await graft(train(folder), cache), "data", "None of the 6 images could be read");
  });

  test("a file where a folder should be", async () => {
    expectSentence(await graft(train(network), cache), "data", "is a file, not a dataset");
  });
});

describe("some bad images among good ones", () => {
  test("cut off, empty, far too large, not an image: skipped with their reasons; a wrong extension does not matter", async () => {
    const folder = newFolder();
    cpSync(good, folder, { recursive: true });
    const at = (name: string): string => join(folder, "circle", name);
    const jpeg = await encode(drawShape("circle", 200, 200, 5), "jpeg");
    writeFileSync(at("truncated.jpg"), jpeg.subarray(0, jpeg.length / 2));
    writeFileSync(at("empty.png"), "");
    writeFileSync(at("bomb.png"), pngOfSize(30_000, 30_000));
    writeFileSync(at("words.jpg"), "these are words");
    writeFileSync(at("really-a-png.jpg"), await encode(drawShape("circle", 40, 40, 6), "png"));
    writeFileSync(at("notes.txt"), "not even meant to be a picture");
    interface Result {
      counts: { train: number; test: number; skipped: number };
      skipped: { path: string; reason: string }[];
      out: string;
    }
    const result = await graftJson<Result>(train(folder), cache);
    expect(result.counts.skipped).toBe(4);
    expect(result.counts.train + result.counts.test).toBe(21);
    const reasons = Object.fromEntries(result.skipped.map(({ path, reason }) => [basename(path), reason]));
    expect(Object.keys(reasons).sort()).toEqual(["bomb.png", "empty.png", "truncated.jpg", "words.jpg"]);
    expect(reasons["truncated.jpg"]).toContain("cut off or damaged");
    expect(reasons["bomb.png"]).toContain("more than 100 megapixels");
    expect(reasons["empty.png"]).toContain("empty");
    expect(reasons["words.jpg"]).toContain("not an image");
    const report = readFileSync(join(result.out, "report.html"), "utf8");
    for (const name of Object.keys(reasons)) expect(report).toContain(name);
    const { stderr, code } = await graft(train(folder), cache);
    expect(code).toBe(0);
    expect(stderr).toContain("truncated.jpg");
  });

  test("predict answers for what can be read, names what cannot", async () => {
    const { out } = await graftJson<{ out: string }>(train(good), cache);
    const bad = join(work, "bad.jpg");
    writeFileSync(bad, "these are words");
    const model = join(out, "model.onnx");
    const both = await graft(["predict", model, bad, join(good, "circle", "000.png"), "--json"], cache);
    expect(both.code).toBe(0);
    const { predictions, skipped } = JSON.parse(both.stdout) as Predicted<{ path: string }>;
    expect(predictions).toHaveLength(1);
    expect(skipped).toEqual([{ path: bad, reason: expect.stringContaining("bad.jpg: it is not an image") }]);
    expect(both.stderr).toContain("bad.jpg");
    const none = await graft(["predict", model, bad, "--json"], cache);
    expect({ code: none.code, stdout: none.stdout }).toEqual({ code: 3, stdout: "" });
    expect(none.stderr).toContain("Graft cannot read the file as an image");
    expectSentence(await graft(["predict", model, join(work, "nowhere.jpg")], cache), "usage", "nowhere.jpg");
    const strange = await writeShapes(newFolder(), { circle: 2, triangle: 2 });
    expectSentence(await graft(["evaluate", model, strange], cache), "data", 'has no class "triangle"');
  });
});

describe("a command line or a model that is wrong", () => {
  test("an unknown network", async () => {
    const run = await graft(["train", good, "--network", "resnet5000", "--out", newFolder()], cache);
    expectSentence(run, "usage", 'Unknown network "resnet5000"');
  });

  test("a network file that is not there", async () => {
    const run = await graft(["train", good, "--network", join(work, "no.onnx"), "--out", newFolder()], cache);
    expectSentence(run, "usage", "There is no file");
  });

  test("an .onnx file that is no ONNX, one that is cut off, and one that is no image network", async () => {
    const file = join(work, "not.onnx");
    const use = (content: Uint8Array | string): Promise<Finished> => {
      writeFileSync(file, content);
      return graft(["train", good, "--network", file, "--preprocessing", "unit", "--out", newFolder()], cache);
    };
    expectSentence(await use("these are words"), "data", "is not an ONNX model");
    expectSentence(await use(""), "data", "is not an ONNX model");
    expectSentence(await use(tinyNetwork().subarray(0, 900)), "data", "is not an ONNX model");
    expectSentence(await use(textNetwork()), "data", "is not an image network");
  });

  test("a cut that is not there", async () => {
    expectSentence(await graft(train(good, "--cut", "nope"), cache), "usage", 'no tensor "nope"');
  });

  test("predict with a model that Graft did not make, or that is not there", async () => {
    const picture = join(good, "circle", "000.png");
    expectSentence(await graft(["predict", network, picture], cache), "data", "not one that Graft trained");
    expectSentence(await graft(["predict", join(work, "no.onnx"), picture], cache), "usage", "There is no model");
    expectSentence(await graft(["predict", picture, picture], cache), "data", "is not an ONNX model");
  });

  test("options that make no sense end with 2 and say what is wanted", async () => {
    const wrong: [string[], string][] = [
      [train(good, "--seed", "x"), '--seed takes a whole number from 0 to 4294967295, not "x".'],
      [train(good, "--preprocessing", "magic"), "--preprocessing takes one of imagenet, inception"],
      [train(good, "--class-weights", "some"), "--class-weights takes one of none, balanced, not"],
      [train(good, "--nonsense"), "unknown option"],
      [["train"], "missing required argument"],
      [["trian", good], "unknown command"],
    ];
    for (const [args, says] of wrong) {
      const { code, stdout, stderr } = await graft(args, cache);
      expect(stderr).toContain(says);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    }
  });

  test("--debug shows the stack", async () => {
    const { code, stderr } = await graft(["--debug", ...train(join(work, "nowhere"))], cache);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^\s+at /m);
  });

  test("--help and --version are no errors", async () => {
    for (const flag of ["--help", "--version"]) expect((await graft([flag], cache)).code).toBe(0);
  });
});

describe("a disk that will not be written", () => {
  test("an output folder, or a cache, below a file", async () => {
    const run = await graft(["train", good, "--network", network, "--out", join(network, "out")], cache);
    expectSentence(run, "work", "a part of that path is a file");
    expectSentence(await graft(train(good), join(network, "cache")), "work", "a part of that path is a file");
  });

  test("a full disk, for the output and for the cache", async ({ skip }) => {
    const full = mountFull();
    if (!full) return skip("mounting a tmpfs is not permitted here");
    try {
      const run = ["train", good, "--network", network, "--preprocessing", "imagenet"];
      expectSentence(await graft([...run, "--out", join(full.folder, "out")], cache), "work", "the disk is full");
      const left = existsSync(join(full.folder, "out")) ? readdirSync(join(full.folder, "out")) : [];
      expect(left.filter((name) => name.endsWith(".part"))).toEqual([]);
      const withCache = graft([...run, "--out", newFolder()], join(full.folder, "cache"));
      expectSentence(await withCache, "work", "the disk is full");
    } finally {
      full.unmount();
    }
  });
});

describe("two runs, and a run that was killed", () => {
  const slow = join(work, "slow.onnx");
  const many = join(work, "many");
  const run = (out: string): string[] => [
    "train",
    many,
    "--network",
    slow,
    "--preprocessing",
    "imagenet",
    "--out",
    out,
    "--json",
  ];

  beforeAll(async () => {
    writeFileSync(slow, tinyNetwork(3, 100));
    await writeShapes(many, { circle: 120, square: 120, triangle: 120 });
  });

  test("a second run on the same output folder is refused; killed, the first is resumed and gives the same model", async () => {
    const out = newFolder();
    const killedCache = join(work, "killed-cache");
    const first = startGraft(run(out), killedCache);
    await until(() => bytesOfFeatures(killedCache) > 1000, first.finished);
    first.pause();
    const second = await graft(run(out), join(work, "other-cache"));
    first.kill();
    expect((await first.finished).code).toBe(null);
    expectSentence(second, "work", `Another run (process ${first.pid}) is working in the folder ${out}`);

    interface Result {
      features: { computed: number; cached: number };
    }
    const resumed = await graftJson<Result>(run(out).slice(0, -1), killedCache);
    expect(resumed.features.cached).toBeGreaterThan(0);
    expect(resumed.features.computed).toBeGreaterThan(0);
    expect(resumed.features.cached + resumed.features.computed).toBe(360);
    const whole = newFolder();
    expect(await graftJson<Result>(run(whole).slice(0, -1), join(work, "whole-cache"))).toMatchObject({
      features: { computed: 360, cached: 0 },
    });
    const models = [out, whole].map((folder) => readFileSync(join(folder, "model.onnx")));
    expect(models[0]!.equals(models[1]!)).toBe(true);
  });
});

/** Bytes in the segments of a feature cache. */
function bytesOfFeatures(folder: string): number {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true }) as string[];
  return files
    .filter((name) => name.startsWith("features") && name.endsWith(".records"))
    .reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0);
}

/** Waits until `met`, or fails where the process ends first. */
async function until(met: () => boolean, finished: Promise<Finished>): Promise<void> {
  let end: Finished | undefined;
  void finished.then((result) => {
    end = result;
  });
  while (!met()) {
    if (end) throw new Error(`The run ended too early: ${end.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A file system of 64 KB with nothing left on it, where one may be mounted. */
function mountFull(): { folder: string; unmount(): void } | undefined {
  const folder = mkdtempSync(join(work, "full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  try {
    writeFileSync(join(folder, "ballast"), Buffer.alloc(60 << 10));
  } catch {
    // Full already.
  }
  return { folder, unmount: () => execFileSync("umount", [folder]) };
}
