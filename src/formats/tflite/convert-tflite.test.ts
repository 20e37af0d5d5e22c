/** Converted networks against the outputs of TensorFlow's own interpreter (see `testing.ts`). */
import { describe, expect, it } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { openSession, type RuntimeTensor } from "../../onnx/session/session.ts";
import { convertTflite, INPUT_SCALE, INPUT_ZERO } from "./convert-tflite.ts";
import { inputOf, loadFixture, type ReferenceRun } from "./testing.ts";

/** An output in TensorFlow's order: channels last. */
function inFileOrder({ dims, data }: RuntimeTensor): number[] {
  const numbers = Array.from(data as Float32Array);
  if (dims.length !== 4) return numbers;
  const [, channels, height, width] = dims as [number, number, number, number];
  return numbers.map((_, index) => numbers[(index % channels) * height * width + Math.floor(index / channels)]!);
}

/** The largest deviation of each output from the interpreter's; in steps if the output is quantised. */
function deviations(run: ReferenceRun, outputs: readonly RuntimeTensor[]): number[] {
  return run.outputs.map(({ values, scale }, position) => {
    const ours = inFileOrder(outputs[position]!);
    expect(ours).toHaveLength(values.length);
    return Math.max(...values.map((value, index) => Math.abs(value - ours[index]!))) / (scale || 1);
  });
}

/** The largest deviation over all inputs and outputs of a fixture. */
async function worstOf(name: string): Promise<number> {
  const { model, runs } = loadFixture(name);
  const session = await openSession(encodeModelWhole(convertTflite(model, name)), { threads: 1 });
  const found: number[] = [];
  for (const run of runs) {
    const results = await session.run({ input: inputOf(run) });
    const outputs = session.outputs.map((output) => results[output]!);
    found.push(...deviations(run, outputs));
  }
  await session.close();
  expect(found.length).toBeGreaterThan(0);
  return Math.max(...found);
}

describe("the interpreter's outputs, to the six digits that the fixtures keep", () => {
  it.each(["windows", "numbers", "open_batch", "by_hand", "float16"])("real numbers: %s", async (name) => {
    expect(await worstOf(name)).toBeLessThan(1e-5);
  });

  // The interpreter rounds every tensor to 8 bits, the converted network none.
  it.each(["int8", "uint8_ends", "uint8_legacy"])(
    "quantised numbers, within two steps of the output: %s",
    async (name) => {
      expect(await worstOf(name)).toBeLessThan(2);
    },
  );

  it("weights of 8 bits: the interpreter rounds their inputs", async () => {
    expect(await worstOf("weights_int8")).toBeLessThan(0.01);
  });
});

describe("the graph", () => {
  it("takes batches, and computes the same for each image as alone", async () => {
    for (const name of ["windows", "open_batch", "int8"]) {
      const { model, runs } = loadFixture(name);
      const session = await openSession(encodeModelWhole(convertTflite(model, name)), { threads: 1 });
      const inputs = runs.map(inputOf);
      const [first, second] = inputs as [RuntimeTensor, RuntimeTensor];
      const both = {
        dims: [2, ...first.dims.slice(1)],
        data: Float32Array.from([...(first.data as Float32Array), ...(second.data as Float32Array)]),
      };
      const output = session.outputs[0]!;
      const together = (await session.run({ input: both }))[output]!;
      expect(together.dims[0]).toBe(2);
      const alone: number[] = [];
      for (const input of inputs) alone.push(...((await session.run({ input }))[output]!.data as Float32Array));
      const difference = alone.map((value, index) => Math.abs(value - Number(together.data[index])));
      expect(Math.max(...difference)).toBeLessThan(1e-5);
      await session.close();
    }
  });

  it("declares its input as channels first with an open batch, and its outputs under their own names", () => {
    const { graph } = convertTflite(loadFixture("uint8_legacy").model, "legacy");
    expect(graph.inputs).toEqual([{ name: "input", type: "float32", dims: ["N", 3, 9, 7] }]);
    expect(graph.outputs).toEqual([
      { name: "output", type: "float32", dims: ["N", 10] },
      { name: "concat_with_signs", type: "float32", dims: ["N", 10, 5, 4] },
    ]);
    const made = graph.nodes.flatMap(({ outputs }) => outputs);
    expect(made).toEqual(expect.arrayContaining(["first/Relu", "pool", "max"]));
    expect(new Set(made).size).toBe(made.length);
  });

  it("clamps where a quantised range limits values, and only there", () => {
    const { graph } = convertTflite(loadFixture("uint8_legacy").model, "legacy");
    const clamped = graph.nodes.filter(({ op }) => op === "Clip").map(({ outputs }) => outputs[0]);
    expect(clamped).toEqual(["first/Relu", "second/Relu6", "concat_with_signs"]);
  });

  it("says how quantised pixels map to its input, and nothing for real pixels", () => {
    const { metadata } = convertTflite(loadFixture("uint8_legacy").model, "legacy");
    expect(Object.fromEntries(metadata)).toEqual({ [INPUT_SCALE]: "0.0078125", [INPUT_ZERO]: "128" });
    expect(convertTflite(loadFixture("windows").model, "windows").metadata.size).toBe(0);
  });

  it("leaves out nodes that compute only shapes", () => {
    const { model, operators } = loadFixture("open_batch");
    expect(operators).toEqual(expect.arrayContaining(["SHAPE", "STRIDED_SLICE", "PACK"]));
    const ops = convertTflite(model, "open_batch").graph.nodes.map(({ op }) => op);
    expect(ops).toEqual(expect.not.arrayContaining(["Shape", "Slice", "Concat"]));
  });
});

it("refuses an unknown operator by its name", () => {
  const convert = () => convertTflite(loadFixture("unknown").model, "sine.tflite");
  expect(convert).toThrow(GraftError);
  expect(convert).toThrow(/^sine\.tflite: the operator SIN that computes ".+" is not supported: [^.]+\.$/);
});
