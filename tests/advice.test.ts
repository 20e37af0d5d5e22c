/** `graft recommend` and `graft compare` from end to end, on tiny networks; with ../shared, also verdicts that are known to be right. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { writeTask } from "../src/advise/testing.ts";
import { graft, graftJson, temporaryFolder } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";
import { shapeNames, writeShapes } from "./support/pictures.ts";

interface Recommended {
  readonly recommended: string | null;
  readonly reason: string;
  readonly candidates: {
    readonly name: string;
    readonly accuracy: number;
    readonly interval: [number, number];
    readonly isTied: boolean;
    readonly cost: Record<string, unknown>;
    readonly scores: Record<string, number>;
  }[];
  readonly leftOut: { readonly name: string; readonly reason: string }[];
  readonly pictures: { readonly available: number; readonly judged: number };
  readonly next: string | null;
}

interface Compared {
  readonly verdict: string;
  readonly reason: string;
  readonly roads: {
    readonly road: string;
    readonly points: { readonly pictures: number; readonly accuracy: number; readonly flattened: boolean }[];
  }[];
  readonly training: { readonly road: string; readonly trainings: { readonly epochs: number }[] }[];
  readonly needs: { readonly roads: string[]; readonly moreEpochs: number } | null;
  readonly savings: object | null;
  readonly next: string | null;
}

// Each training is bounded by its work, which takes its time on a machine that is busy.
vi.setConfig({ testTimeout: 400_000 });

const work = temporaryFolder();
const cache = join(work, "cache");
const [small, large] = [join(work, "small.onnx"), join(work, "large.onnx")];
const pictures = join(work, "shapes");
const shuffled = join(work, "shuffled");
const few = join(work, "few");

/** With an hour, the work is what ends a recommendation: every network sees every image. */
const recommendArgs = (data: string, ...more: string[]): string[] => [
  ...["recommend", data, "--offline", "--network", small, "--network", large, "--preprocessing", "imagenet"],
  ...["--budget", "1h", ...more],
];

const ofEach = (count: number) => ({ circle: count, square: count, triangle: count });

beforeAll(async () => {
  writeFileSync(small, tinyNetwork(1));
  writeFileSync(large, tinyNetwork(2, 3));
  await writeShapes(pictures, ofEach(20), 1);
  await writeShapes(few, ofEach(4), 2);
  // The same images with labels that say nothing: each class gets every third of each.
  await writeShapes(shuffled, ofEach(20), 3);
  const files = shapeNames.flatMap((name) => readdirSync(join(shuffled, name)).map((file) => [name, file] as const));
  files.forEach(([name, file], i) => {
    renameSync(join(shuffled, name, file), join(shuffled, shapeNames[i % 3]!, `moved-${i}.png`));
  });
});

describe("graft recommend", () => {
  test("--json: ranks who took part, says who did not, and recommends one that beats the baseline", async () => {
    const found = await graftJson<Recommended>(recommendArgs(pictures), cache);
    expect(found.candidates.map(({ name }) => name).sort()).toEqual([large, small].sort());
    expect(found.candidates.map(({ name }) => name)).toContain(found.recommended);
    const accuracies = found.candidates.map(({ accuracy }) => accuracy);
    expect(accuracies).toEqual(accuracies.toSorted((a, b) => b - a));
    for (const { accuracy, interval, scores } of found.candidates) {
      expect(interval[0]).toBeLessThanOrEqual(accuracy);
      expect(accuracy).toBeLessThanOrEqual(interval[1]);
      expect(Object.values(scores).every(Number.isFinite)).toBe(true);
    }
    expect(found.leftOut.find(({ name }) => name === "vgg16")?.reason).toContain("--offline");
    expect(found.next).toBe(`graft train ${pictures} --network ${found.recommended}`);
    // A fifth is what `graft train` holds out.
    expect(found.pictures).toEqual({ available: 48, judged: 48 });
  });

  test("for a person: a table, the front, the reason, the next command; and a page", async () => {
    const advice = join(work, "advice");
    const { code, stdout } = await graft(recommendArgs(pictures, "--out", advice), cache);
    expect(code).toBe(0);
    expect(stdout).toContain("accuracy");
    expect(stdout).toContain("milliseconds per image");
    expect(stdout).toMatch(/Next: graft train/);
    const html = readFileSync(join(advice, "recommendation.html"), "utf8");
    expect(html).toContain("Accuracy and latency");
    expect(html).not.toContain("<script");
    expect(JSON.parse(readFileSync(join(advice, "recommendation.json"), "utf8"))).toHaveProperty("recommended");
  });

  test("where labels cannot be learned it recommends nothing", async () => {
    const found = await graftJson<Recommended>(recommendArgs(shuffled), cache);
    expect(found.recommended).toBeNull();
    expect(found.next).toBeNull();
    expect(found.reason).toMatch(/No network beats always predicting/);
  });

  test("a few images a class tell no order", async () => {
    const found = await graftJson<Recommended>(recommendArgs(few), cache);
    expect(found.candidates.every(({ isTied }) => isTied)).toBe(true);
    expect(found.candidates[0]!.interval[1] - found.candidates[0]!.interval[0]).toBeGreaterThan(0.2);
  });

  test("a budget for nothing says what would do", async () => {
    const { code, stderr } = await graft(recommendArgs(pictures, "--budget", "0.01s"), cache);
    expect(code).toBe(2);
    expect(stderr).toMatch(/too small for any network, since the fastest, \S+, needs about \d+ s/);
  });

  test("limits that exclude all say which excludes which", async () => {
    const { code, stderr } = await graft(recommendArgs(pictures, "--max-size", "1B"), cache);
    expect(code).toBe(2);
    expect(stderr).toContain(`${small} (--max-size`);
    expect(stderr).toContain(`${large} (--max-size`);
  });

  test("a file that is not there is a usage error", async () => {
    const { code, stderr } = await graft(["recommend", pictures, "--offline", "--network", "nowhere.onnx"], cache);
    expect(code).toBe(2);
    expect(stderr).toContain("nowhere.onnx");
  });
});

describe("graft compare", () => {
  /** Bounded by work: the same answer however loaded the machine is. */
  const compareArgs = (data: string, epochs: number, ...more: string[]): string[] => [
    ...[
      "compare",
      data,
      "--network",
      small,
      "--preprocessing",
      "imagenet",
      "--epochs",
      String(epochs),
      "--splits",
      "1",
    ],
    ...more,
  ];
  const dots = join(work, "where");
  let short: Compared;

  beforeAll(async () => {
    await writeTask(dots, "position", { count: 144, side: 32, seed: 5 });
    short = await graftJson<Compared>(compareArgs(dots, 2), cache);
  });

  test("a dozen images decide nothing", async () => {
    const found = await graftJson<Compared>(compareArgs(few, 2), cache);
    expect(found.verdict).toBe("undecided");
    expect(found.reason).toMatch(/^Undecided: fewer than 20 images/);
    expect(found.next).toBeNull();
  });

  test("--json: transfer where the probe leaves nothing to gain; curves with growing images; and a page", async () => {
    const colours = await writeShapes(join(work, "colours"), ofEach(36), 7);
    const advice = join(work, "compared");
    const found = await graftJson<Compared>(compareArgs(colours, 4, "--out", advice), cache);
    expect(found.verdict).toBe("transfer");
    expect(found.next).toBe(`graft train ${colours} --network ${small}`);
    const probe = found.roads.find(({ road }) => road === "probe")!.points;
    expect(probe.length).toBeGreaterThan(2);
    const sizes = probe.map(({ pictures: size }) => size);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    expect(probe.at(-1)!.accuracy).toBeGreaterThan(0.97);
    expect(found.reason).toMatch(/nothing could be more than 2\.0 points ahead/);
    expect(readFileSync(join(advice, "comparison.html"), "utf8")).toContain("How each strategy learns");
  });

  test("undecided where a strategy has not had its chance: names it, says what it needs, and states no savings", async () => {
    const found = short;
    expect(found.verdict).toBe("undecided");
    expect(found.needs?.roads).toContain("scratch");
    expect(found.reason).toMatch(/^Undecided: .*give --epochs \d+, about \d+ more minutes? here/i);
    expect(found.reason).toMatch(/a network from scratch gets .*could still win/i);
    expect(found.savings).toBeNull();
    expect(found.next).toBe(`graft compare ${dots} --network ${small} --epochs ${found.needs!.moreEpochs}`);
    for (const { trainings } of found.training)
      for (const { epochs } of trainings) expect(epochs).toBeLessThanOrEqual(2);
  });

  test("the same work gives the same answer", async () => {
    const facts = ({ verdict, roads, training }: Compared) => ({
      verdict,
      points: roads.map(({ points }) => points.map(({ accuracy }) => accuracy)),
      epochs: training.map(({ trainings }) => trainings.map(({ epochs }) => epochs)),
    });
    expect(facts(await graftJson<Compared>(compareArgs(dots, 2), cache))).toEqual(facts(short));
  });

  test("work and time together are a usage error", async () => {
    const { code, stderr } = await graft(compareArgs(few, 2, "--budget", "1m"), cache);
    expect(code).toBe(2);
    expect(stderr).toContain("--epochs limits the work, --budget the time");
  });

  test("a stage that is not there is a usage error", async () => {
    const { code, stderr } = await graft(compareArgs(pictures, 2, "--unfreeze", "nowhere"), cache);
    expect(code).toBe(2);
    expect(stderr).toContain("nowhere");
  });
});

const shared = fileURLToPath(new URL("../../shared/", import.meta.url));
const mobilenet = join(shared, "networks/mobilenet_v2_100_224.onnx");
const isHere = existsSync(mobilenet);

describe.skipIf(!isHere)(
  isHere ? "verdicts whose truth is known" : "verdicts whose truth is known (skipped: ../shared is absent)",
  () => {
    test("nothing but transfer on photographs of flowers, however short the trainings", async () => {
      const flowers = join(work, "flowers");
      for (const name of readdirSync(join(shared, "datasets/flowers/train")).slice(0, 3)) {
        mkdirSync(join(flowers, name), { recursive: true });
        const from = join(shared, "datasets/flowers/train", name);
        for (const file of readdirSync(from).slice(0, 40)) symlinkSync(join(from, file), join(flowers, name, file));
      }
      const found = await graftJson<Compared>(
        ["compare", flowers, "--network", mobilenet, "--epochs", "4", "--splits", "1"],
        cache,
      );
      expect(["transfer", "undecided"]).toContain(found.verdict);
      const accuracyOf = (name: string) => found.roads.find(({ road }) => road === name)?.points.at(-1)?.accuracy ?? 0;
      expect(accuracyOf("probe")).toBeGreaterThan(0.7);
      expect(accuracyOf("probe")).toBeGreaterThan(accuracyOf("scratch"));
    });

    test("never transfer where the label is the place of a dot, however short the trainings", async () => {
      const dots = join(work, "dots");
      await writeTask(dots, "position", { count: 270, side: 64, seed: 5 });
      const args = ["compare", dots, "--network", mobilenet, "--epochs", "4", "--splits", "1"];
      const found = await graftJson<Compared>(args, cache);
      expect(found.verdict).not.toBe("transfer");
      expect(found.savings).toBeNull();
    });
  },
);
