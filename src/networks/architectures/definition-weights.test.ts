import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../base/random.ts";
import { asFloat32, elementCount, float32Tensor, rawTensor, type Tensor } from "../../onnx/model.ts";
import { define } from "./architecture-registry.ts";
import type { Definition, Initialiser, Parameter } from "./definition.ts";
import { freshWeights, withWeights } from "./definition-weights.ts";

/** A definition of nothing but parameters. */
function holding(parameters: Readonly<Record<string, Parameter>>, ignored?: readonly RegExp[]): Definition {
  return {
    name: "net",
    graph: {
      name: "net",
      nodes: [],
      inputs: [],
      outputs: [],
      initializers: new Map([["one", float32Tensor([1], [1])]]),
    },
    parameters: new Map(Object.entries(parameters)),
    stages: [],
    features: { tensor: "features", size: 1 },
    classifier: "fc",
    inputSize: 8,
    ...(ignored ? { ignored } : {}),
  };
}

const parameter = (dims: readonly number[], initialiser: Initialiser = { kind: "constant", value: 0 }): Parameter => ({
  dims,
  role: "weight",
  initialiser,
});

const zeros = (dims: readonly number[]): Tensor => float32Tensor(dims, new Float32Array(elementCount(dims)));

describe("withWeights", () => {
  const definition = holding({ "a.weight": parameter([2, 3]), "a.bias": parameter([2]) }, [/^AuxLogits\./]);
  const fitting = (): Map<string, Tensor> =>
    new Map([
      ["a.weight", zeros([2, 3])],
      ["a.bias", zeros([2])],
    ]);

  it("uses the given tensors without a copy, beside the constants", () => {
    const weights = fitting();
    const { initializers } = withWeights(definition, weights).graph;
    expect([...initializers.keys()]).toEqual(["one", "a.weight", "a.bias"]);
    expect(initializers.get("a.weight")).toBe(weights.get("a.weight"));
  });

  it("ignores step counts and what the definition ignores, and nothing else", () => {
    const weights = fitting()
      .set("a.num_batches_tracked", zeros([1]))
      .set("AuxLogits.fc.weight", zeros([1]));
    expect(withWeights(definition, weights).graph.initializers.has("AuxLogits.fc.weight")).toBe(false);
    expect(() => withWeights(definition, weights.set("head.AuxLogits.bias", zeros([1])))).toThrow(
      "The weights do not fit net: unexpected head.AuxLogits.bias; pass weights made for net.",
    );
  });

  it("names what is missing, unexpected, and of another shape or type, in one sentence", () => {
    expect(() =>
      withWeights(
        definition,
        new Map([
          ["b.bias", zeros([2])],
          ["a.bias", zeros([3])],
        ]),
      ),
    ).toThrow(
      "The weights do not fit net: missing a.weight; unexpected b.bias; " +
        "of another shape a.bias (float32 [3], not float32 [2]); pass weights made for net.",
    );
    const half = rawTensor("float16", [2], new Uint8Array(4));
    expect(() => withWeights(definition, fitting().set("a.bias", half))).toThrow(
      "a.bias (float16 [2], not float32 [2])",
    );
  });

  it("lists only a few of many names", () => {
    expect(() => withWeights(define("resnet50"), new Map())).toThrow(
      /^The weights do not fit resnet50: missing conv1.weight, bn1.weight, bn1.bias and 264 more; pass/,
    );
  });
});

describe("freshWeights", () => {
  const dims = [64, 32, 3, 3];
  const drawn = (initialiser: Initialiser, seed = 1): Float32Array =>
    asFloat32(freshWeights(holding({ w: parameter(dims, initialiser) }), createRandom(seed)).get("w")!);
  const deviation = (values: Float32Array): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

  /** Deviation of a normal cut at two deviations: √(1 − 4φ(2) / (2Φ(2) − 1)). */
  const CUT = 0.8796257;

  it.each<[string, Initialiser, number]>([
    ["He's normal by fan in", { kind: "kaiming-normal", fan: "in" }, Math.sqrt(2 / (32 * 9))],
    ["He's normal by fan out", { kind: "kaiming-normal", fan: "out" }, Math.sqrt(2 / (64 * 9))],
    ["uniform by fan in", { kind: "fan-in-uniform" }, Math.sqrt(1 / (32 * 9) / 3)],
    ["uniform by a given fan in", { kind: "fan-in-uniform", fanIn: 12 }, Math.sqrt(1 / 12 / 3)],
    ["normal", { kind: "normal", std: 0.02 }, 0.02],
    ["truncated normal", { kind: "truncated-normal", std: 0.02 }, 0.02 * CUT],
  ])("%s has its deviation, about 0", (_, initialiser, expected) => {
    const values = drawn(initialiser);
    const error = 1 / Math.sqrt(values.length);
    expect(Math.abs(deviation(values) / expected - 1)).toBeLessThan(4 * error);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(4 * expected * error);
  });

  it("normal values have normal tails; uniform and truncated ones stay within their bounds", () => {
    const beyond = (values: Float32Array, limit: number): number =>
      values.filter((value) => Math.abs(value) > limit).length / values.length;
    const normal = drawn({ kind: "normal", std: 1 });
    expect(beyond(normal, 1)).toBeCloseTo(0.3173, 1);
    expect(beyond(normal, 2)).toBeCloseTo(0.0455, 2);
    expect(beyond(normal, 3)).toBeCloseTo(0.0027, 3);
    expect(beyond(drawn({ kind: "truncated-normal", std: 1 }), 2)).toBe(0);
    expect(beyond(drawn({ kind: "fan-in-uniform", fanIn: 4 }), 0.5)).toBe(0);
  });

  it("gives the same bytes for the same seed, and others for another", () => {
    const definition = define("mobilenetv2_035");
    const bytesOf = (seed: number): Buffer =>
      Buffer.concat([...freshWeights(definition, createRandom(seed)).values()].map(({ bytes }) => bytes));
    const first = bytesOf(7);
    expect(first.equals(bytesOf(7))).toBe(true);
    expect(first.equals(bytesOf(8))).toBe(false);
  });

  it("fits its definition; batch norms start as the identity, and a residual branch at 0", () => {
    const definition = define("resnet18");
    const weights = freshWeights(definition, createRandom(1));
    expect(withWeights(definition, weights).graph.initializers.size).toBe(definition.parameters.size);
    const valuesIn = (name: string): number[] => [...new Set(asFloat32(weights.get(name)!))];
    expect(valuesIn("bn1.weight")).toEqual([1]);
    expect(valuesIn("bn1.running_var")).toEqual([1]);
    expect(valuesIn("layer1.0.bn1.weight")).toEqual([1]);
    expect(valuesIn("layer1.0.bn2.weight")).toEqual([0]);
  });

  it("refuses a fan for a parameter without one", () => {
    const definition = holding({ b: parameter([4], { kind: "fan-in-uniform" }) });
    expect(() => freshWeights(definition, createRandom(1))).toThrow("no fan");
  });

  it("is finite for every seed", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => drawn({ kind: "normal", std: 1 }, seed).every(Number.isFinite)),
      { numRuns: 20 },
    );
  });
});
