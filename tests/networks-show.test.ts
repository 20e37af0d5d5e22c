/** `graft networks show` on files, on names, and on Graft's own models; nothing is fetched. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Inspection } from "../src/networks/open.ts";
import { graft, graftJson, temporaryFolder } from "./support/cli.ts";
import { FEATURES, textNetwork, tinyNetwork } from "./support/network.ts";
import { writeShapes } from "./support/pictures.ts";

const work = temporaryFolder();
const cache = join(work, "cache");
const network = join(work, "tiny.onnx");

beforeAll(() => {
  writeFileSync(network, tinyNetwork(1, 2));
});

describe("graft networks show FILE", () => {
  test("--json: costs, the cut and why, stages, preprocessing and whence", async () => {
    const facts = await graftJson<Inspection & { fetched: boolean }>(["networks", "show", network], cache);
    // 16 × 16 positions: 3 × 9 products for each of 16 channels, then twice 16 × 9; and ten classes.
    const first = 256 * 16 * 27;
    const further = 256 * 16 * 144;
    expect(facts).toMatchObject({
      fetched: true,
      name: "tiny.onnx",
      producer: "graft",
      opset: 18,
      inputs: [{ name: "input", type: "float32", dims: ["N", 3, 32, 32] }],
      outputs: [{ name: "prob", type: "float32", dims: ["N", 10] }],
      multiplyAdds: first + 2 * further + 160,
      cut: "flat",
      why: "the input of the last Gemm, logits, which computes 10 logits",
      pooling: "none",
      features: FEATURES,
      assumedPreprocessing: true,
      changes: [],
    });
    // The second and third convolution share a weight.
    expect(facts.parameters).toBe(16 * 27 + 16 + 16 * 144 + 160 + 10);
    expect(facts.stages.at(-1)!.output).toBe("flat");
    expect(facts.stages.reduce((sum, stage) => sum + stage.multiplyAdds, 0)).toBe(first + 2 * further);
    expect(facts.stages.map(({ shape }) => shape)).toEqual([
      ...facts.stages.slice(1).map(() => [16, 16, 16]),
      [FEATURES],
    ]);
  });

  test("--preprocessing and --cut say otherwise", async () => {
    const args = ["networks", "show", network, "--preprocessing", "caffe", "--cut", "block0"];
    const facts = await graftJson<Inspection>(args, cache);
    expect(facts).toMatchObject({
      assumedPreprocessing: false,
      preprocessingFrom: "--preprocessing caffe",
      preprocessing: { channels: "bgr", size: 32 },
      cut: "block0",
      why: "the tensor that --cut names",
      pooling: "spatial-mean",
      features: 16,
    });
    expect(facts.stages.at(-1)!.output).toBe("block0");
  });

  test("for a person: words, and the assumption said", async () => {
    const { code, stdout, stderr } = await graft(["networks", "show", network], cache);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("the input of the last Gemm, logits, which computes 10 logits");
    expect(stdout).toContain(
      "an assumption (inception): the file does not state it; change it with --preprocessing (imagenet, inception,",
    );
    expect(stdout).toMatch(/^\(after the cut\) +170 /m);
  });

  test.each([
    ["a file that is not there", "none.onnx", 2, "There is no file"],
    ["an unknown name", "resnet5000", 2, 'Unknown network "resnet5000"'],
    ["a network that takes no pictures", "text.onnx", 3, "is not an image network"],
  ])("%s: one sentence", async (_, name, code, said) => {
    writeFileSync(join(work, "text.onnx"), textNetwork());
    const file = name.endsWith(".onnx") ? join(work, name) : name;
    const run = await graft(["networks", "show", file], cache);
    expect(run).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(said) });
    expect(run.stderr.trim().split("\n")).toHaveLength(1);
  });
});

test("graft networks show NAME without its weights on this disk: what the catalogue says, nothing fetched", async () => {
  const row = await graftJson<Record<string, unknown>>(["networks", "show", "resnet50"], cache);
  expect(row).toMatchObject({ fetched: false, name: "resnet50", features: 2048, licence: "MIT" });
  const { code, stdout, stderr } = await graft(["networks", "show", "resnet50"], cache);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("not on this disk: `graft networks pull resnet50` downloads 95 MB");
});

test("a model that Graft trained is a network again: its preprocessing is taken off, and can be trained on", async () => {
  const pictures = join(work, "shapes");
  await writeShapes(pictures, { circle: 8, square: 8 });
  const train = (from: string, out: string): Promise<{ out: string }> =>
    graftJson(["train", pictures, "--network", from, "--out", join(work, out)], cache);
  const model = join((await train(network, "first")).out, "model.onnx");
  const facts = await graftJson<Inspection>(["networks", "show", model], cache);
  expect(facts).toMatchObject({
    inputs: [{ name: "pixels", dims: ["N", 3, 32, 32] }],
    preprocessing: { size: 32, mean: [127.5, 127.5, 127.5] },
    preprocessingFrom: "the file's metadata (Graft's own)",
    assumedPreprocessing: false,
    cut: "features",
    features: FEATURES,
    why: expect.stringContaining("which computes 2 logits"),
    changes: ["It is a model that Graft trained; the preprocessing in its graph was removed."],
  });
  const again = await train(model, "second");
  expect(again).toMatchObject({ classes: ["circle", "square"], frozenUnchanged: true });
});
