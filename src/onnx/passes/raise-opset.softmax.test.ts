import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Attribute, type Graph, type Model, node } from "../model.ts";
import { raiseModel } from "../session/shapes.ts";
import { expectSame, ints, old, one } from "./testing-opsets.ts";

const ops = (model: Model): string[] => model.graph.nodes.map(({ op }) => op);

describe("Softmax, LogSoftmax and Hardmax before opset 13", () => {
  test("normalise over all trailing dimensions, whatever the rank, the axis and what is declared", async () => {
    const cases = fc
      .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
      .chain((dims) =>
        fc.record({
          dims: fc.constant(dims),
          op: fc.constantFrom("Softmax", "LogSoftmax", "Hardmax"),
          opset: fc.integer({ min: 7, max: 12 }),
          axis: fc.option(fc.integer({ min: -dims.length, max: dims.length - 1 }), { nil: undefined }),
          declared: fc.constantFrom("all", "batch free", "symbols", "nothing"),
        }),
      )
      .filter(({ axis = 1, opset, dims }) => (axis >= 0 || opset >= 11) && axis < dims.length);
    await fc.assert(
      fc.asyncProperty(cases, async ({ dims, op, opset, axis, declared }) => {
        const known = {
          all: dims,
          "batch free": ["N", ...dims.slice(1)],
          symbols: dims.map((_, index) => `d${index}`),
          nothing: undefined,
        }[declared];
        await expectSame(old({ opset, dims: known, nodes: [one(op, axis === undefined ? {} : { axis })] }), dims);
      }),
      { numRuns: 120 },
    );
  }, 60_000);

  test.each([
    [["N", 5], 1, 1],
    [["N", 2, 5, 6], 3, 3],
    [["N", "heads", "tokens", "tokens"], 3, 3],
    [["N", 7, 1, 1], 1, 1],
    [["N", 1, 7, 1], 1, 2],
  ])("stay one node where one trailing dimension is not 1: %j, axis %i", async (dims, axis, raisedAxis) => {
    const raised = await raiseModel(old({ opset: 9, dims, nodes: [one("Softmax", { axis })] }));
    expect(raised.graph.nodes).toEqual([one("Softmax", { axis: raisedAxis })]);
  });

  test("flatten where more are not, with the batch still free", async () => {
    const model = old({
      opset: 9,
      dims: ["N", 3, 4, 5],
      nodes: [node("Relu", ["x"], ["r"]), node("Softmax", ["r"], ["s"], { axis: 2 }), node("Neg", ["s"], ["y"])],
    });
    const raised = await expectSame(model, [2, 3, 4, 5]);
    expect(ops(raised)).toEqual(["Relu", "Flatten", "Softmax", "Shape", "Reshape", "Neg"]);
    await expectSame(model, [7, 3, 4, 5]);
  });

  test("are raised inside subgraphs too", async () => {
    const body: Graph = {
      name: "body",
      nodes: [node("Softmax", ["x"], ["s"]), node("Squeeze", ["s"], ["b"], { axes: ints(0) })],
      inputs: [],
      outputs: [{ name: "b", type: "float32" }],
      initializers: new Map(),
    };
    const branch: Attribute = { type: "graph", value: body };
    const model = old({
      opset: 9,
      dims: [1, 3, 4],
      constants: { yes: { type: "bool", dims: [], bytes: Uint8Array.of(1) } },
      nodes: [one("If", { then_branch: branch, else_branch: branch }, ["yes"])],
    });
    await expectSame(model, [1, 3, 4]);
  });
});
