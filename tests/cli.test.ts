/** The command line from end to end: from images to a model, its predictions and its evaluation. Bad input is in cli-errors.test.ts. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readProgressEvent } from "../src/base/child-messages.ts";
import { graft, graftJson, graftPredict, temporaryFolder } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";
import { shapeNames, writeShapes } from "./support/pictures.ts";

interface Trained {
  readonly network: string;
  readonly classes: string[];
  readonly counts: { train: number; validation: number; test: number; skipped: number };
  readonly accuracy: { validation: number; test: number };
  readonly interval: [number, number];
  readonly baseline: { class: string; accuracy: number };
  readonly timings: Record<string, number>;
  readonly rates: Record<string, number>;
  readonly features: { computed: number; cached: number };
  readonly frozenUnchanged: boolean;
  readonly testedOn: string;
  readonly validatedBy: string;
  readonly out: string;
}

const work = temporaryFolder();
const cache = join(work, "cache");
const network = join(work, "tiny.onnx");
const pictures = join(work, "shapes");
const fresh = join(work, "fresh");
const out = join(work, "out");
const trainArgs = (to: string, ...more: string[]): string[] => [
  "train",
  pictures,
  "--network",
  network,
  "--preprocessing",
  "imagenet",
  "--out",
  to,
  ...more,
];

let trained: Trained;

beforeAll(async () => {
  writeFileSync(network, tinyNetwork());
  await writeShapes(pictures, { circle: 30, square: 24, triangle: 20 });
  await writeShapes(fresh, { circle: 6, square: 6, triangle: 6 }, 2, 55);
  trained = await graftJson<Trained>(trainArgs(out), cache);
});

describe("graft train", () => {
  test("--json keeps the contract", () => {
    expect(trained).toMatchObject({
      network: "tiny.onnx",
      weights: "tiny.onnx",
      classes: shapeNames,
      counts: { train: 59, validation: 0, test: 15, skipped: 0 },
      testedOn: "held-out",
      validatedBy: "cross-validation",
      features: { computed: 74, cached: 0 },
      frozenUnchanged: true,
      out,
    });
    expect(trained.baseline.class).toBe("circle");
    expect(Object.keys(trained.timings).sort()).toEqual([
      "audit",
      "copies",
      "decode",
      "explanations",
      "extract",
      "finetune",
      "head",
      "open",
      "startUp",
      "total",
      "uncertainty",
    ]);
    expect(Object.keys(trained.rates).sort()).toEqual(["decode", "forward", "step"]);
    const numbers = [...Object.values(trained.timings), ...Object.values(trained.rates)];
    expect(numbers.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
    expect(trained.timings.total!).toBeGreaterThanOrEqual(trained.timings.extract! + trained.timings.head!);
  });

  test("learns: accuracy far above always answering the most frequent class", () => {
    expect(trained.accuracy.test).toBeGreaterThan(trained.baseline.accuracy + 0.3);
    expect(trained.accuracy.validation).toBeGreaterThan(0.8);
    expect(trained.interval[0]).toBeLessThanOrEqual(trained.accuracy.test);
    expect(trained.interval[1]).toBeGreaterThanOrEqual(trained.accuracy.test);
  });

  test("writes the model, the report, the metrics and how it was made; and leaves no lock", () => {
    for (const file of ["model.onnx", "report.html", "metrics.json", "graft.json", "answers.json"]) {
      expect(existsSync(join(out, file)), file).toBe(true);
    }
    expect(existsSync(join(out, ".graft-lock"))).toBe(false);
    const made = JSON.parse(readFileSync(join(out, "graft.json"), "utf8"));
    expect(made.seed).toBe(0);
    expect(made.network.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(made.dataset.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("tiny.onnx");
  });

  test("answers.json says of every test image how it was predicted", () => {
    const { classes, answers } = JSON.parse(readFileSync(join(out, "answers.json"), "utf8")) as {
      classes: string[];
      answers: { path: string; truth: number; prediction: number; probability: number; truthProbability: number }[];
    };
    expect(classes).toEqual(shapeNames);
    expect(answers).toHaveLength(trained.counts.test);
    const right = answers.filter(({ truth, prediction }) => truth === prediction);
    expect(right.length / answers.length).toBe(trained.accuracy.test);
    for (const { path, truth, prediction, probability, truthProbability } of answers) {
      expect(existsSync(join(pictures, path)), path).toBe(true);
      expect(path.startsWith(`${classes[truth]}/`)).toBe(true);
      expect(probability === truthProbability).toBe(truth === prediction);
    }
  });

  test("--progress json tells each stage, a line an object", async () => {
    const { stderr } = await graft(trainArgs(join(work, "told"), "--progress", "json"), cache);
    const stages = stderr
      .split("\n")
      .map(readProgressEvent)
      .flatMap((event) => (event.event === "progress" ? [event.progress.stage] : []));
    expect(stages).toContain("Fitting the head");
  });

  test("a second run computes no features, and the same seed gives the same bytes", async () => {
    const again = await graftJson<Trained>(trainArgs(join(work, "again")), cache);
    expect(again.features).toEqual({ computed: 0, cached: 74 });
    const [first, second] = [out, again.out].map((folder) => readFileSync(join(folder, "model.onnx")));
    expect(first!.equals(second!)).toBe(true);
  });

  test("from an empty cache too, the same seed gives the same bytes; another seed another split", async () => {
    const again = await graftJson<Trained>(trainArgs(join(work, "cold")), join(work, "cache-2"));
    expect(again.features).toEqual({ computed: 74, cached: 0 });
    const other = await graftJson<Trained>(trainArgs(join(work, "other"), "--seed", "7"), cache);
    const [first, cold, seven] = [out, again.out, other.out].map((folder) => readFileSync(join(folder, "model.onnx")));
    expect(first!.equals(cold!)).toBe(true);
    expect(first!.equals(seven!)).toBe(false);
  });

  test("--test takes a folder of test images, --class-weights balanced another head", async () => {
    const args = trainArgs(join(work, "tested"), "--test", fresh, "--class-weights", "balanced");
    const result = await graftJson<Trained>(args, cache);
    expect(result).toMatchObject({ testedOn: "folder", counts: { train: 74, test: 18 } });
    expect(result.accuracy.test).toBeGreaterThan(0.8);
  });

  test("for a person: words on stdout, what was found on stderr", async () => {
    const { code, stdout, stderr } = await graft(trainArgs(join(work, "words")), cache);
    expect(code).toBe(0);
    expect(stderr).toContain(`${pictures}: 74 files in 3 classes.`);
    expect(stdout).toMatch(/^Accuracy \d+\.\d% on 15 images held out for testing \(95% interval/m);
    expect(stdout).toContain('Baseline: always predicting "circle" reaches 40.0%.');
    expect(stdout).toContain("0 computed, 74 from the cache");
    expect(stdout).toContain("model.onnx");
  });
});

describe("graft predict", () => {
  test("--json: one object, best first, in the order of the files", async () => {
    interface Answer {
      path: string;
      label: string;
      probability: number;
      top: { label: string; probability: number }[];
    }
    const answers = await graftPredict<Answer>([join(out, "model.onnx"), fresh, "--top", "2"], cache);
    expect(answers).toHaveLength(18);
    expect(answers.map(({ path }) => path)).toEqual(answers.map(({ path }) => path).toSorted());
    for (const { label, probability, top } of answers) {
      expect(top).toHaveLength(2);
      expect(top[0]).toEqual({ label, probability });
      expect(top[0]!.probability).toBeGreaterThanOrEqual(top[1]!.probability);
    }
    const right = answers.filter(({ path, label }) => path.includes(`/${label}/`)).length;
    expect(right).toBeGreaterThanOrEqual(15);
  });

  test("for a person: one line per image", async () => {
    const file = join(fresh, "circle", "000.png");
    const { code, stdout, stderr } = await graft(["predict", join(out, "model.onnx"), file], cache);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/000\.png: circle \d+\.\d%, \w+ \d+\.\d%, \w+ \d+\.\d%\n$/);
  });
});

describe("graft evaluate", () => {
  test("--json: the same scores as training measured on the same images", async () => {
    const tested = await graftJson<Trained>(trainArgs(join(work, "tested-2"), "--test", fresh), cache);
    const scores = await graftJson<{ part: string; examples: number; accuracy: number; confusion: number[][] }>(
      ["evaluate", join(tested.out, "model.onnx"), fresh],
      cache,
    );
    expect(scores).toMatchObject({ part: "all", examples: 18, accuracy: tested.accuracy.test });
    expect(scores.confusion.flat().reduce((sum, count) => sum + count)).toBe(18);
  });

  test("one image of one class is enough for an evaluation", async () => {
    const one = join(work, "one", "circle");
    mkdirSync(one, { recursive: true });
    copyFileSync(join(fresh, "circle", "000.png"), join(one, "a.png"));
    const scores = await graftJson<{ examples: number }>(["evaluate", join(out, "model.onnx"), dirname(one)], cache);
    expect(scores).toMatchObject({ examples: 1, accuracy: 1 });
  });

  test("for a person: the accuracy and a row a class", async () => {
    const { code, stdout } = await graft(["evaluate", join(out, "model.onnx"), fresh], cache);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Accuracy \d+\.\d% on 18 images/);
    for (const name of shapeNames) expect(stdout).toContain(name);
  });
});

describe("graft networks", () => {
  test("show: what a file takes, and where it would be cut", async () => {
    const facts = await graftJson<Record<string, unknown>>(["networks", "show", network], cache);
    expect(facts).toMatchObject({ name: "tiny.onnx", cut: "flat", opset: 18, preprocessing: { size: 32 } });
  });

  test("list: rows with names", async () => {
    const rows = await graftJson<{ name: string }[]>(["networks", "list"], cache);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every(({ name }) => typeof name === "string")).toBe(true);
  });
});
