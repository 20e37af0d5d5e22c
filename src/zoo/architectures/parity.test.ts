/** Every fixture that another implementation left in `fixtures/`, against the definition with the same weights by rule. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { encodeModelWhole } from "../../graph/onnx/write.ts";
import { openSession, type RuntimeTensor } from "../../runtime/session.ts";
import type { Definition } from "./definition.ts";
import { define } from "./registry.ts";
import { keptIndices, type ParityFixture, parityImages, parityModel } from "./testing.ts";

const folder = new URL("fixtures/", import.meta.url);
const fixtures = readdirSync(folder)
  .filter((file) => /\.(timm|keras)\.json$/.test(file))
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as ParityFixture);

/** Of an output's root mean square, or of the value itself where that is larger. */
const TOLERANCE = 1e-4;

describe("parity with timm and Keras", () => {
  it("is measured for many architectures", () => expect(fixtures.length).toBeGreaterThan(20));

  it.each(fixtures.map((fixture) => [`${fixture.architecture} (${fixture.dialect})`, fixture] as const))(
    "%s",
    async (_, fixture) => {
      const { architecture, dialect, inputSize, images } = fixture;
      const definition = define(architecture, { dialect, inputSize });
      const tensors = Object.keys(fixture.outputs).map((output) => tensorOf(definition, output));
      const session = await openSession(encodeModelWhole(parityModel(definition, tensors, fixture.gain)), {
        optimise: false,
      });
      try {
        const image = { dims: [images, 3, inputSize, inputSize], data: parityImages(images, inputSize) };
        const found = await session.run({ image }, tensors);
        for (const [index, [output, expected]] of Object.entries(fixture.outputs).entries())
          compare(output, found[tensors[index]!]!, expected);
      } finally {
        await session.close();
      }
    },
  );
});

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
