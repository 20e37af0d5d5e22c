/** Small graphs in old operator sets for the tests of raise-opset.ts, and a comparison on ONNX Runtime before and after raising. */
import { expect } from "vitest";
import { encodeModelWhole } from "../codec/write-model.ts";
import {
  type Attribute,
  type AttributeLike,
  elementCount,
  type Model,
  type Node,
  node,
  type Tensor,
  type Value,
} from "../model.ts";
import { openSession, type RuntimeTensor } from "../session/session.ts";
import { raiseModel } from "../session/shapes.ts";
import { raiseOpset } from "./raise-opset.ts";

/** A graph of one float32 input "x" in an old operator set; its output is "y". */
export interface Old {
  readonly opset: number;
  readonly nodes: readonly Node[];
  readonly dims: Value["dims"];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly outputs?: readonly string[];
}

export const old = ({ opset, nodes, dims, constants = {}, outputs = ["y"] }: Old): Model => ({
  irVersion: 6,
  opsets: new Map([["", opset]]),
  metadata: new Map(),
  graph: {
    name: "old",
    nodes,
    inputs: [{ name: "x", type: "float32", dims }],
    outputs: outputs.map((name) => ({ name })),
    initializers: new Map(Object.entries(constants)),
  },
});

/** Distinct numbers, so that no maximum is a tie. */
function numbers(dims: readonly number[]): Float32Array {
  const size = elementCount(dims);
  return Float32Array.from({ length: size }, (_, index) => ((index * 7919 + 3) % (size * 2 + 1)) / 4 - size / 8);
}

async function run(model: Model, dims: readonly number[]): Promise<Record<string, RuntimeTensor>> {
  const session = await openSession(encodeModelWhole(model), { threads: 1, silent: true });
  try {
    return await session.run({ x: { dims, data: numbers(dims) } });
  } finally {
    await session.close();
  }
}

/** ONNX Runtime's outputs of the model as it is, and of both ways to raise it. */
export async function expectSame(model: Model, dims: readonly number[]): Promise<Model> {
  const before = await run(model, dims);
  const measured = await raiseModel(model);
  for (const raised of [measured, raiseOpset(model)]) {
    expect(raised.opsets.get("")).toBe(18);
    const after = await run(raised, dims);
    for (const [name, { dims: shape, data }] of Object.entries(before)) {
      expect(after[name]!.dims).toEqual(shape);
      const numbersAfter = Array.from(after[name]!.data, Number);
      Array.from(data, Number).forEach((value, index) => {
        expect(numbersAfter[index]).toBeCloseTo(value, 5);
      });
    }
  }
  return measured;
}

export const ints = (...value: number[]): Attribute => ({ type: "ints", value });
export const floats = (...value: number[]): Attribute => ({ type: "floats", value });
/** The node whose output is "y". */
export const one = (
  op: string,
  attributes: Readonly<Record<string, AttributeLike>> = {},
  inputs: readonly string[] = ["x"],
) => node(op, inputs, ["y"], attributes);
