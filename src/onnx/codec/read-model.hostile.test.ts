/** Files with false claims: refused in one sentence, before memory is allocated. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { dataflow } from "../analysis/dataflow.ts";
import { float32Tensor, type Graph, int64Tensor, type Model, modelOf, node } from "../model.ts";
import { raiseOpset } from "../passes/raise-opset.ts";
import { foldConstants, widen } from "../passes/simplify.ts";
import { decodeModel } from "./read-model.ts";
import { encodeModelWhole } from "./write-model.ts";

const valid: Graph = {
  name: "g",
  nodes: [node("Reshape", ["x", "s"], ["r"]), node("Gemm", ["r", "w"], ["y"], { transB: 1 })],
  inputs: [{ name: "x", type: "float32", dims: ["N", 2] }],
  outputs: [{ name: "y", type: "float32" }],
  initializers: new Map([
    ["w", float32Tensor([3, 2], [1, 2, 3, 4, 5, 6])],
    ["s", int64Tensor([2], [0, -1])],
  ]),
};

const field = (number: number, content: Uint8Array): Uint8Array =>
  Buffer.concat([new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(content.length).finish(), content]);
const varint = (number: number, value: number): Uint8Array =>
  new BinaryWriter().tag(number, WireType.Varint).uint32(value).finish();
/** ModelProto with opset 18 and a graph of these fields. */
const modelWith = (...graph: Uint8Array[]): Uint8Array =>
  Buffer.concat([field(8, varint(2, 18)), field(7, Buffer.concat(graph))]);

describe("decodeModel", () => {
  test("refuses half a million empty nodes in a megabyte", () => {
    const nodes = new Uint8Array(2 ** 20);
    for (let i = 0; i < nodes.length; i += 2) nodes[i] = (1 << 3) | WireType.LengthDelimited;
    expect(() => decodeModel(modelWith(nodes), "x.onnx")).toThrow(
      /x\.onnx would take 300 MB of memory to read its \d+ bytes/,
    );
  });

  test("refuses a million small numbers instead of raw bytes", () => {
    const packed = field(5, field(7, new Uint8Array(3 * 2 ** 20)));
    expect(() => decodeModel(modelWith(packed), "x.onnx")).toThrow("exported so");
  });

  test("refuses graphs nested deep enough to overflow the stack", () => {
    let nested: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 2000; depth++) nested = field(1, field(5, field(6, nested)));
    expect(() => decodeModel(modelWith(nested), "x.onnx")).toThrow("not valid protobuf");
  });

  test.each([
    ["2^60 elements", [2 ** 60]],
    ["a product of 2^60", [2 ** 30, 2 ** 30]],
    ["negative ones", [-1, -6]],
  ])("refuses a tensor that claims %s", (_, dims) => {
    const graph = {
      ...valid,
      initializers: new Map([["w", { type: "float32" as const, dims, bytes: new Uint8Array(24) }]]),
    };
    expect(() => decodeModel(encodeModelWhole(modelOf(graph)), "x.onnx")).toThrow(/has shape \[.*\] but/);
  });

  test("reads a valid graph of twenty thousand nodes", () => {
    const nodes = Array.from({ length: 20_000 }, (_, i) => node("Neg", [i === 0 ? "x" : `t${i}`], [`t${i + 1}`]));
    expect(decodeModel(encodeModelWhole(modelOf({ ...valid, nodes })), "x.onnx").graph.nodes).toHaveLength(20_000);
  });
});

/** Everything that is done to a file before ONNX Runtime sees it. */
function prepare(bytes: Uint8Array): Model {
  const model = raiseOpset(decodeModel(bytes, "x.onnx"));
  const graph = widen(foldConstants(model.graph));
  dataflow(graph);
  return { ...model, graph };
}

test("flipped bits, lost or added bytes: a model or a GraftError", () => {
  const bytes = encodeModelWhole({ ...modelOf(valid), opsets: new Map([["", 11]]) });
  const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(7)), { maxLength: 8 });
  fc.assert(
    fc.property(flips, fc.nat(bytes.length), fc.uint8Array({ maxLength: 12 }), (flipped, length, added) => {
      const damaged = Uint8Array.from([...bytes.subarray(0, length), ...added, ...bytes.subarray(length)]);
      for (const [at, bit] of flipped) damaged[at]! ^= 1 << bit;
      try {
        prepare(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(GraftError);
      }
    }),
    { numRuns: 1000, seed: 3 },
  );
});
