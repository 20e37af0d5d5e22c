/** Every fixture of another implementation in `fixtures/`, against the definition with the same weights by rule. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import type { Model } from "../../onnx/model.ts";
import { asFloat32 } from "../../onnx/model.ts";
import { openSession, type RuntimeTensor } from "../../onnx/session/session.ts";
import { architectures, define } from "./architecture-registry.ts";
import type { Definition, Dialect } from "./definition.ts";
import { keptIndices, type ParityFixture, parityImages, parityModel } from "./testing.ts";

const folder = new URL("fixtures/", import.meta.url);
const fixtures = readdirSync(folder)
  .filter((file) => /\.(timm|keras)\.json$/.test(file))
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as ParityFixture);

const DIALECTS: readonly Dialect[] = ["timm", "keras"];

/** Relative to an output's root mean square, or to the value itself if that is larger. */
const TOLERANCE = 1e-4;

describe("parity with timm and Keras", () => {
  it("is measured for features and logits of every architecture in every dialect", () => {
    const measured = fixtures
      .filter(({ outputs }) => outputs.features)
      .map(({ architecture, dialect, outputs }) => [architecture, dialect, outputs.logits !== undefined]);
    const defined = [...architectures.keys()].flatMap((name) =>
      DIALECTS.filter((dialect) => isDefined(name, dialect)).map((dialect) => [
        name,
        dialect,
        define(name, { dialect }).graph.outputs[0]!.name === "logits",
      ]),
    );
    expect(measured.map(String).toSorted()).toEqual(defined.map(String).toSorted());
  });

  it.each(fixtures.map((fixture) => [`${fixture.architecture} (${fixture.dialect})`, fixture] as const))(
    "%s",
    async (_, fixture) => {
      const { architecture, dialect, inputSize, images } = fixture;
      const definition = define(architecture, { dialect, inputSize });
      const tensors = Object.keys(fixture.outputs).map((output) => tensorOf(definition, output));
      const { model, weights } = fed(parityModel(definition, tensors, fixture.gain), definition);
      const session = await openSession(encodeModelWhole(model), { optimise: false });
      try {
        const image = { dims: [images, 3, inputSize, inputSize], data: parityImages(images, inputSize) };
        const found = await session.run({ image, ...weights }, tensors);
        for (const [index, [output, expected]] of Object.entries(fixture.outputs).entries())
          compare(output, found[tensors[index]!]!, expected);
      } finally {
        await session.close();
      }
    },
  );
});

/** Whether an architecture exists in a dialect, and timm or Keras has the network. */
function isDefined(name: string, dialect: Dialect): boolean {
  // Keras has this width, timm does not.
  if (name === "mobilenetv2_130" && dialect === "timm") return false;
  try {
    return define(name, { dialect }).parameters.size > 0;
  } catch {
    return false;
  }
}

/** A model whose parameters are inputs: half a gigabyte of VGG need not be written and read again. */
function fed({ graph, ...model }: Model, { parameters }: Definition) {
  const apart = [...graph.initializers].filter(([name]) => parameters.has(name));
  const kept = [...graph.initializers].filter(([name]) => !parameters.has(name));
  const inputs = apart.map(([name, { type, dims }]) => ({ name, type, dims }));
  const weights = apart.map(([name, tensor]) => [name, { dims: tensor.dims, data: asFloat32(tensor) }] as const);
  return {
    model: { ...model, graph: { ...graph, inputs: [...graph.inputs, ...inputs], initializers: new Map(kept) } },
    weights: Object.fromEntries(weights),
  };
}

function tensorOf({ features, stages }: Definition, output: string): string {
  if (output === "logits") return output;
  if (output === "features") return features.tensor;
  const stage = stages.find(({ name }) => name === output);
  if (!stage) throw new Error(`There is no stage "${output}".`);
  return stage.output;
}

function compare(output: string, { dims, data }: RuntimeTensor, expected: ParityFixture["outputs"][string]): void {
  const { norm, values } = expected;
  const numbers = data as Float32Array;
  expect(dims, output).toEqual(expected.dims);
  expect(Math.abs(Math.hypot(...blocks(numbers)) / norm - 1), `norm of ${output}`).toBeLessThan(TOLERANCE);
  const typical = norm / Math.sqrt(numbers.length);
  const errors = keptIndices(numbers.length, values.length).map((at, index) => {
    const value = values[index]!;
    return Math.abs(numbers[at]! - value) / Math.max(Math.abs(value), typical);
  });
  expect(Math.max(...errors), output).toBeLessThan(TOLERANCE);
}

/** Norms of parts, in float64: there are too many numbers for the arguments of one call. */
function blocks(numbers: Float32Array): number[] {
  const size = 4096;
  return Array.from({ length: Math.ceil(numbers.length / size) }, (_, index) =>
    Math.hypot(...numbers.subarray(index * size, (index + 1) * size)),
  );
}
