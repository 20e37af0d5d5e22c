/** `graft audit` and `graft explain` from end to end, on generated images with planted faults. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { type Finished, graft, graftJson, graftPredict, temporaryFolder } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";
import { drawShape, encode, writeShapes } from "./support/pictures.ts";

interface Suspect {
  readonly path: string;
  readonly label: string;
  readonly why: string;
  readonly confidence: number;
  readonly fix: string;
}
interface Audited {
  readonly pictures: number;
  readonly labels: {
    readonly wrong: number;
    readonly interval: readonly [number, number];
    readonly judges: readonly string[];
    readonly named: number;
    readonly expectedWrong: number;
    readonly expectedFalse: number;
  };
  readonly findings: readonly {
    readonly check: string;
    readonly title: string;
    readonly confidence: number;
    readonly groups: readonly (readonly Suspect[])[];
  }[];
  readonly fixed?: { readonly folder: string | null; readonly moves: readonly { from: string; to: string }[] };
}

const work = temporaryFolder();
const cache = join(work, "cache");
const network = join(work, "tiny.onnx");
const data = join(work, "data");
/** Images that get another label: from, to, and their name. */
const strays = [
  ["square", "triangle", "002"],
  ["square", "triangle", "005"],
  ["triangle", "circle", "008"],
  ["triangle", "square", "011"],
  ["circle", "square", "014"],
  ["circle", "triangle", "017"],
] as const;
const using = ["--network", network, "--preprocessing", "imagenet"];
const auditArgs = (dataset: string, ...more: string[]): string[] => ["audit", dataset, ...using, ...more];

const named = ({ findings }: Audited, check: string): string[] =>
  findings.filter((one) => one.check === check).flatMap(({ groups }) => groups.flat().map(({ path }) => path));

function expectSentence({ code, stdout, stderr }: Finished, exit: number, says: string | RegExp): void {
  expect(stderr).toMatch(says);
  expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
  expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^graft: .*\.$/);
  expect(stderr).not.toMatch(/^\s+at /m);
}

/** Every file below a folder with its bytes. */
function contents(folder: string): Record<string, string> {
  const files = (
    readdirSync(folder, { recursive: true, withFileTypes: true }) as {
      isFile(): boolean;
      name: string;
      parentPath: string;
    }[]
  ).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ name, parentPath }) => [
      join(parentPath, name).slice(folder.length),
      readFileSync(join(parentPath, name)).toString("base64"),
    ]),
  );
}

beforeAll(async () => {
  writeFileSync(network, tinyNetwork());
  await writeShapes(join(data, "train"), { circle: 30, square: 30, triangle: 30 });
  await writeShapes(join(data, "test"), { circle: 8, square: 8, triangle: 8 }, 2);
  const train = (name: string): string => join(data, "train", name);
  // Wrong labels, a test image once more in training, a copy in another class, and a file that is not an image.
  for (const [from, to, name] of strays) renameSync(train(`${from}/${name}.webp`), train(`${to}/stray-${name}.webp`));
  await sharp(join(data, "test/circle/001.jpeg")).flop().jpeg({ quality: 60 }).toFile(train("circle/leak.jpg"));
  cpSync(train("square/000.png"), train("circle/both.png"));
  await sharp({ create: { width: 40, height: 40, channels: 3, background: "#777" } })
    .png()
    .toFile(train("circle/plain.png"));
  writeFileSync(train("square/words.jpg"), "these are words");
});

describe("graft audit", () => {
  test("finds what was planted, and says it to a person", async () => {
    const audited = await graftJson<Audited>(auditArgs(data), cache);
    expect(audited.pictures).toBe(30 * 3 + 24 + 3);
    expect(named(audited, "leaks").sort()).toEqual([
      join(data, "test/circle/001.jpeg"),
      join(data, "train/circle/leak.jpg"),
    ]);
    expect(named(audited, "conflicting-copies").sort()).toEqual([
      join(data, "train/circle/both.png"),
      join(data, "train/square/000.png"),
    ]);
    const wrong = named(audited, "label-errors").filter((path) => path.includes("stray"));
    expect(wrong.length).toBeGreaterThanOrEqual(strays.length / 2);
    const { wrong: rate, interval, judges, named: count, expectedWrong, expectedFalse } = audited.labels;
    expect(interval[0]).toBeLessThanOrEqual(rate);
    expect(interval[1]).toBeGreaterThan(strays.length / audited.pictures);
    expect(judges).toHaveLength(2);
    expect(count).toBe(named(audited, "label-errors").length);
    expect(expectedWrong + expectedFalse).toBeCloseTo(count, 5);
    expect(named(audited, "blank")).toEqual([join(data, "train/circle/plain.png")]);
    expect(named(audited, "unreadable")).toEqual([join(data, "train/square/words.jpg")]);
    for (const { title, confidence } of audited.findings) {
      expect(title).toMatch(/^[A-Z0-9"].*\.$/);
      expect(confidence).toBeGreaterThan(0);
      expect(confidence).toBeLessThanOrEqual(1);
    }
    const { code, stdout } = await graft(auditArgs(data, "--show", "1"), cache);
    expect(code).toBe(0);
    expect(stdout).toContain("1 image is in several splits (test, training)");
  });

  test("--only runs some checks; the same seed finds the same", async () => {
    const [first, second] = [
      await graftJson<Audited>(auditArgs(data, "--only", "leaks,label-errors"), cache),
      await graftJson<Audited>(auditArgs(data, "--only", "leaks,label-errors"), cache),
    ];
    expect(new Set(first.findings.map(({ check }) => check))).toEqual(new Set(["leaks", "label-errors"]));
    expect(second).toEqual(first);
    expectSentence(
      await graft(auditArgs(data, "--only", "leeks"), cache),
      2,
      /--only takes one of leaks, .*, not "leeks"\./,
    );
  });

  test("another network whose features are in the cache judges the labels too, and is named", async () => {
    const own = join(work, "cache-of-two");
    const other = join(work, "other.onnx");
    writeFileSync(other, tinyNetwork(2));
    const args = ["--only", "label-errors", "--preprocessing", "imagenet"];
    const alone = await graftJson<Audited>(["audit", data, "--network", other, ...args], own);
    expect(alone.labels.judges).toEqual(["a head on other.onnx", "nearest neighbours by other.onnx"]);
    const both = await graftJson<Audited>(["audit", data, "--network", network, ...args], own);
    expect(both.labels.judges).toEqual(
      ["tiny.onnx", "other.onnx"].flatMap((name) => [`a head on ${name}`, `nearest neighbours by ${name}`]),
    );
  });

  test("--fix leaves a label that is only worth a look, --fix-doubtful moves it too", async () => {
    const copy = join(work, "doubtful");
    cpSync(data, copy, { recursive: true });
    const args = auditArgs(copy, "--only", "label-errors");
    const all = (await graftJson<Audited>(args, cache)).findings.flatMap(({ groups }) => groups.flat());
    const sure = all.filter(({ fix }) => fix === "quarantine").length;
    expect(all.every(({ fix }) => fix !== "keep")).toBe(true);
    const { fixed } = await graftJson<Audited>([...args, "--fix"], cache);
    expect(fixed).toMatchObject({ kept: all.length - sure });
    expect(fixed!.moves).toHaveLength(sure);
    if (fixed!.folder) await graftJson(["audit", copy, "--undo", fixed!.folder], cache);
    const more = await graftJson<Audited>([...args, "--fix", "--fix-doubtful"], cache);
    expect(more.fixed!.moves).toHaveLength(all.length);
    expect(more.fixed).toMatchObject({ kept: 0 });
    expectSentence(await graft([...args, "--fix-doubtful"], cache), 2, "--fix-doubtful only applies to moving");
  });

  test("--fix moves images aside and --undo brings back every byte", async () => {
    const copy = join(work, "fixed");
    cpSync(data, copy, { recursive: true });
    const before = contents(copy);
    const { fixed } = await graftJson<Audited>(auditArgs(copy, "--only", "leaks,blank,unreadable", "--fix"), cache);
    expect(fixed!.folder).toBe(`${copy}-quarantine`);
    expect(fixed!.moves.map(({ from }) => from).sort()).toEqual(
      ["train/circle/leak.jpg", "train/circle/plain.png", "train/square/words.jpg"].map((name) => join(copy, name)),
    );
    for (const { from, to } of fixed!.moves) expect([existsSync(from), existsSync(to)]).toEqual([false, true]);
    const again = await graftJson<Audited>(auditArgs(copy, "--only", "leaks,blank,unreadable"), cache);
    expect(again.findings).toEqual([]);
    expect(await graftJson(["audit", copy, "--undo", `${copy}-quarantine`], cache)).toMatchObject({ restored: 3 });
    expect(contents(copy)).toEqual(before);
    expect(existsSync(`${copy}-quarantine`)).toBe(false);
    expectSentence(await graft(["audit", copy, "--undo", join(work, "none")], cache), 2, "No list of moves");
  });

  test("a dataset of nothing but copies, and one of one class after cleaning: a sentence, and nothing is moved", async () => {
    const same = join(work, "same");
    const picture = await encode(drawShape("circle", 40, 40, 1), "png");
    for (const name of ["a", "b"]) {
      mkdirSync(join(same, name), { recursive: true });
      for (let i = 0; i < 6; i++) writeFileSync(join(same, name, `${i}.png`), picture);
    }
    const before = contents(same);
    const audited = await graftJson<Audited>(auditArgs(same, "--only", "conflicting-copies"), cache);
    expect(named(audited, "conflicting-copies")).toHaveLength(12);
    expectSentence(await graft(auditArgs(same, "--fix"), cache), 3, /Nothing was moved.*no class would be left/);
    expect(contents(same)).toEqual(before);

    const oneClass = join(work, "one-class");
    await writeShapes(oneClass, { circle: 8 });
    mkdirSync(join(oneClass, "square"));
    for (let i = 0; i < 4; i++) cpSync(join(oneClass, "circle/000.png"), join(oneClass, `square/${i}.png`));
    expectSentence(
      await graft(auditArgs(oneClass, "--fix", "--only", "conflicting-copies"), cache),
      3,
      /Nothing was moved.*only one class, "circle", would be left/,
    );
  });

  test("a read-only dataset with --fix: a sentence, and nothing is moved", async ({ skip }) => {
    const locked = join(work, "locked");
    cpSync(data, locked, { recursive: true });
    const unlock = makeReadOnly(locked);
    if (!unlock) return skip("making a folder read-only is not permitted here");
    try {
      const before = contents(locked);
      expectSentence(
        await graft(auditArgs(locked, "--fix", "--only", "blank"), cache),
        1,
        /is read-only \(EROFS\), so nothing was moved/,
      );
      expect(contents(locked)).toEqual(before);
      expect(existsSync(`${locked}-quarantine`)).toBe(false);
    } finally {
      unlock();
    }
  });

  test("after a training runs no network and decodes nothing", async () => {
    const own = join(work, "own-cache");
    const trained = await graftJson<{ features: { computed: number }; findings: { check: string }[]; out: string }>(
      ["train", data, ...using, "--out", join(work, "out")],
      own,
    );
    expect(trained.findings.map(({ check }) => check)).toContain("leaks");
    const card = readFileSync(join(trained.out, "card.md"), "utf8");
    expect(card).toMatch(/^---\nlicense: /);
    expect(card).toContain("1 image is in several splits");
    expect(readFileSync(join(trained.out, "report.html"), "utf8")).toContain("Data quality");
    const records = (): Record<string, string> =>
      Object.fromEntries(Object.entries(contents(own)).filter(([name]) => name.endsWith(".records")));
    const before = records();
    await graftJson(auditArgs(data), own);
    expect(records()).toEqual(before);
  });
});

describe("graft explain", () => {
  const out = join(work, "explained-model");
  const picture = join(data, "test/circle/000.png");
  beforeAll(async () => {
    await graftJson(["train", data, ...using, "--no-audit", "--no-explain", "--out", out], cache);
  });

  test("writes an overlay a method, and names the nearest training images", async () => {
    const to = join(work, "why");
    interface Explained {
      readonly label: string;
      readonly explained: string;
      readonly explanations: readonly { method: string; file: string; completeness?: { error: number } }[];
      readonly nearest: readonly { path: string; label: string; similarity: number }[];
      readonly novelty: number;
    }
    const args = [
      "explain",
      join(out, "model.onnx"),
      picture,
      "--method",
      "grad-cam,integrated-gradients",
      "--out",
      to,
    ];
    const { explanations, skipped } = await graftJson<{ explanations: Explained[]; skipped: unknown[] }>(args, cache);
    expect(skipped).toEqual([]);
    const [entry] = explanations;
    expect(entry!.explained).toBe(entry!.label);
    expect(entry!.explanations.map(({ method }) => method)).toEqual(["grad-cam", "integrated-gradients"]);
    expect(entry!.explanations[1]!.completeness!.error).toBeLessThanOrEqual(0.02);
    for (const { file } of entry!.explanations) {
      const { format, width, height } = await sharp(file).metadata();
      expect([format, width, height]).toEqual(["jpeg", 40, 40]);
    }
    expect(entry!.nearest).toHaveLength(5);
    expect(entry!.nearest.every(({ path }) => path.startsWith(join(data, "train")))).toBe(true);
    expect(entry!.nearest.filter(({ label }) => label === "circle").length).toBeGreaterThan(2);
    expect(Number.isFinite(entry!.novelty)).toBe(true);
  });

  test("says what is wrong in a sentence", async () => {
    const model = join(out, "model.onnx");
    const explain = (...args: string[]): Promise<Finished> =>
      graft(["explain", ...args, "--out", join(work, "no")], cache);
    expectSentence(await explain(model, picture, "--class", "hexagon"), 2, 'has no class "hexagon"');
    expectSentence(await explain(network, picture), 3, "not one that Graft trained");
    expectSentence(
      await explain(model, join(work, "no.png")),
      3,
      "Graft cannot read the file as an image: the reason is above.",
    );
    expect((await explain(model, picture, "--method", "magic")).code).toBe(2);
  });
});

describe("an image of something else", () => {
  test("is unknown to the model, one of the kind is not", async () => {
    const strange = join(work, "strange.png");
    const stripes = Uint8Array.from({ length: 40 * 40 * 3 }, (_, i) => (Math.floor(i / 6) % 2 === 0 ? 255 : 0));
    await sharp(stripes, { raw: { width: 40, height: 40, channels: 3 } })
      .png()
      .toFile(strange);
    const args = [join(work, "explained-model/model.onnx"), strange, join(data, "test/square/000.png")];
    const answers = await graftPredict<{ unknown: boolean; novelty: number; set: string[] }>(args, cache);
    expect(answers.map(({ unknown }) => unknown)).toEqual([true, false]);
    expect(answers[0]!.novelty).toBeGreaterThan(answers[1]!.novelty);
    const { stdout } = await graft(["predict", ...args], cache);
    expect(stdout).toMatch(/strange\.png: unknown, unlike the training images/);
  });
});

/** Mounts a folder over itself, read-only; returns a function that unmounts it. */
function makeReadOnly(folder: string): (() => void) | undefined {
  try {
    execFileSync("mount", ["--bind", folder, folder], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  const unmount = (): void => {
    execFileSync("umount", [folder]);
  };
  try {
    execFileSync("mount", ["-o", "remount,ro,bind", folder], { stdio: "ignore" });
    return unmount;
  } catch {
    unmount();
    return undefined;
  }
}
