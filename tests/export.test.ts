/** `graft export`: a trained model in 8-bit integers, compared with the original. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readArtifact } from "../src/model/open-artifact.ts";
import { encodeModelWhole } from "../src/onnx/codec/write-model.ts";
import { rawTensor } from "../src/onnx/model.ts";
import { graft, temporaryFolder } from "./support/cli.ts";
import { FEATURES, tinyNetwork } from "./support/network.ts";
import { writeShapes } from "./support/pictures.ts";

const work = temporaryFolder();
const cache = join(work, "cache");
const [data, out] = [join(work, "data"), join(work, "out")];
const model = join(out, "model.onnx");

beforeAll(async () => {
  writeFileSync(join(work, "tiny.onnx"), tinyNetwork(1, 1));
  for (const [part, count] of [
    ["train", 30],
    ["test", 20],
  ] as const)
    await writeShapes(join(data, part), { circle: count, square: count, triangle: count }, count);
  const args = ["train", data, "--network", join(work, "tiny.onnx"), "--preprocessing", "imagenet", "--out", out];
  const { code, stderr } = await graft(args, cache);
  expect(code, stderr).toBe(0);
});

interface Exported {
  readonly out: string;
  readonly judged: { part: string; images: number; accuracy: Record<string, number>; same: number };
  readonly bytes: { before: number; after: number };
}

describe("graft export --int8", () => {
  test("writes a model that answers nearly as before, and says how nearly", async () => {
    const { code, stdout, stderr } = await graft(["export", model, "--int8", "--data", data, "--json"], cache);
    expect(code, stderr).toBe(0);
    const { judged, ...exported } = JSON.parse(stdout) as Exported;
    expect(exported.out).toBe(join(out, "model-int8.onnx"));
    expect([judged.part, judged.images]).toEqual(["test", 60]);
    expect(judged.same).toBeGreaterThanOrEqual(55);
    expect(statSync(exported.out).size).toBe(exported.bytes.after);
    const { model: written, classes } = readArtifact(readFileSync(exported.out), exported.out);
    expect(classes).toEqual(["circle", "square", "triangle"]);
    expect(written.graph.outputs.map(({ name }) => name)).toEqual(
      readArtifact(readFileSync(model), model).model.graph.outputs.map(({ name }) => name),
    );
    const evaluated = await graft(["evaluate", exported.out, data, "--json"], cache);
    expect((JSON.parse(evaluated.stdout) as { accuracy: number }).accuracy).toBeCloseTo(judged.accuracy.after!, 9);
  });

  test("writes nothing where more is lost than is accepted", async () => {
    // One channel a hundred thousand times as large, and its readers as much smaller: the same function, but in 8 bits one step of the
    // common range is more than all that the other channels say.
    const { model: read } = readArtifact(readFileSync(model), model);
    const initializers = new Map(read.graph.initializers);
    const scaled = (name: string, factor: number, isScaled: (at: number) => boolean): void => {
      const { dims, bytes } = initializers.get(`backbone/${name}`)!;
      const values = new Float32Array(bytes.slice().buffer).map((value, at) => (isScaled(at) ? value * factor : value));
      initializers.set(`backbone/${name}`, rawTensor("float32", dims, new Uint8Array(values.buffer)));
    };
    scaled("conv/w", 1e5, (at) => at < 27);
    scaled("conv/b", 1e5, (at) => at === 0);
    scaled("again/w", 1e-5, (at) => Math.floor(at / 9) % FEATURES === 0);
    const broken = join(work, "broken.onnx");
    writeFileSync(broken, encodeModelWhole({ ...read, graph: { ...read.graph, initializers } }));
    const { code, stderr } = await graft(["export", broken, "--int8", "--data", data], cache);
    expect(code).toBe(3);
    expect(stderr).toMatch(/accuracy on 60 images falls from .* so no model was written/);
    expect(existsSync(join(work, "model-int8.onnx"))).toBe(false);
  });

  test.each([
    [["export", model], /Choose an export format/],
    [["export", model, "--int8"], /--data DATASET/],
    [["export", model, "--int8", "--data", join(work, "nothing")], /nothing/],
    [["export", join(work, "tiny.onnx"), "--int8", "--data", data], /not one that Graft trained/],
    [["export", model, "--int8", "--data", data, "--accept-loss", "-1"], /--accept-loss/],
  ])("%j is refused in a sentence", async (args, says) => {
    const { code, stderr } = await graft(args, cache);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(says);
    expect(existsSync(join(work, "model-int8.onnx"))).toBe(false);
  });
});
