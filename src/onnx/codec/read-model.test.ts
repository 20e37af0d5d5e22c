import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { asFloat32, float, float32Tensor, int64Tensor, type Model, modelOf, node, rawTensor } from "../model.ts";
import { decodeModel } from "./read-model.ts";
import { encodeModel, encodeModelWhole } from "./write-model.ts";

const inner = {
  name: "then",
  nodes: [node("Relu", ["x"], ["r"])],
  inputs: [],
  outputs: [{ name: "r", type: "float32" as const }],
  initializers: new Map([["c", float32Tensor([1], [3])]]),
};

const model: Model = {
  ...modelOf({
    name: "g",
    nodes: [
      node("Gemm", ["x", "w", "b"], ["y"], { transB: 1, alpha: float(0.5) }),
      node("Reshape", ["y", "shape"], ["z"]),
      node("Resize", ["z", "", "", "shape"], ["q"], { mode: "linear", axes: [2, 3] }),
      { ...node("If", ["q"], ["out"]), attributes: { then_branch: { type: "graph", value: inner } } },
    ],
    inputs: [{ name: "x", type: "float32", dims: ["N", 2] }],
    outputs: [{ name: "out", type: "float32", dims: ["N", undefined, 3] }],
    initializers: new Map([
      ["w", float32Tensor([3, 2], [1, 2, 3, 4, 5, -6.5])],
      ["b", float32Tensor([3], [0, 1, 2])],
      ["shape", int64Tensor([2], [0, -1])],
    ]),
  }),
  metadata: new Map([["graft.classes", '["ä"]']]),
};

describe("ONNX files", () => {
  test("a written file reads back the same", () => {
    const again = decodeModel(encodeModelWhole(model), "test");
    expect(again).toEqual({ ...model, graph: again.graph, producer: "graft" });
    expect(again.graph.nodes).toEqual(model.graph.nodes);
    expect(again.graph.inputs).toEqual(model.graph.inputs);
    expect(again.graph.outputs).toEqual(model.graph.outputs);
    expect([...asFloat32(again.graph.initializers.get("w")!)]).toEqual([1, 2, 3, 4, 5, -6.5]);
  });

  test("another protobuf reader reads the hand-written part too", () => {
    const proto = fromBinary(ModelProtoSchema, encodeModelWhole(model));
    expect(proto.graph?.initializer.map(({ name, dims, rawData }) => [name, dims.map(Number), rawData.length])).toEqual(
      [
        ["w", [3, 2], 24],
        ["b", [3], 12],
        ["shape", [2], 16],
      ],
    );
    expect(proto.graph?.node).toHaveLength(4);
  });

  test("large weights are written without a copy", () => {
    const weights = new Float32Array(1000);
    const graph = { ...model.graph, initializers: new Map([["w", float32Tensor([1000], weights)]]) };
    const chunks = encodeModel({ ...model, graph });
    expect(chunks.some((chunk) => chunk.buffer === weights.buffer)).toBe(true);
  });

  test.each([
    ["nothing", new Uint8Array(), "has no graph"],
    ["a text", Buffer.from("this is not a model at all, sorry"), "not an ONNX model"],
    ["half a model", encodeModelWhole(model).subarray(0, 150), "cut off"],
  ])("%s is refused in one sentence", (_, bytes, sentence) => {
    expect(() => decodeModel(bytes, "x.onnx")).toThrow(GraftError);
    expect(() => decodeModel(bytes, "x.onnx")).toThrow(sentence);
  });

  test("a tensor whose shape needs more bytes than it has is refused", () => {
    const graph = {
      ...model.graph,
      initializers: new Map([["w", { type: "float32" as const, dims: [2 ** 40], bytes: new Uint8Array(8) }]]),
    };
    expect(() => decodeModel(encodeModelWhole({ ...model, graph }), "x.onnx")).toThrow("has shape [1099511627776]");
  });

  test("an operator set from the future is refused with the remedy", () => {
    const bytes = encodeModelWhole({ ...model, opsets: new Map([["", 99]]) });
    expect(() => decodeModel(bytes, "x.onnx")).toThrow("operator set 99");
  });

  test("damaged bytes give a model or a GraftError", () => {
    const bytes = encodeModelWhole(model);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(bytes.length),
        (flips, length) => {
          const damaged = bytes.slice(0, length);
          for (const [at, value] of flips) if (at < length) damaged[at] = value;
          try {
            decodeModel(damaged, "x.onnx");
          } catch (error) {
            expect(error).toBeInstanceOf(GraftError);
          }
        },
      ),
      { numRuns: 300, seed: 1 },
    );
  });

  test("tensors refuse bytes that do not fit their shape", () => {
    expect(() => rawTensor("float32", [2], new Uint8Array(4))).toThrow(RangeError);
  });
});
