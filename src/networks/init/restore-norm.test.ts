/** Which convolutions get their batch norm back, in graphs built by hand. */
import { describe, expect, it, test } from "vitest";
import { inTopologicalOrder } from "../../onnx/analysis/dataflow.ts";
import type { Tensor } from "../../onnx/model.ts";
import { type Node, node } from "../../onnx/model.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { indexGraph } from "./graph-index.ts";
import { restoreNorms } from "./restore-norm.ts";
import { modelFrom, odd } from "./testing.ts";

const same = { pads: [1, 1, 1, 1] } as const;
const conv = (x: string, y: string, bias = true): Node => node("Conv", bias ? [x, "w", "b"] : [x, "w"], [y], same);
const depthwise = (x: string, y: string): Node => node("Conv", [x, "dw", "b"], [y], { ...same, group: 4 });
const relu = (x: string, y: string): Node => node("Relu", [x], [y]);
const constants: ReadonlyMap<string, Tensor> = odd({
  ...{ w: [4, 4, 3, 3], dw: [4, 1, 3, 3], b: [4], point: [4, 4, 1, 1], perChannel: [4, 1, 1] },
  ...{ s: [4], t: [4], m: [4], v: [4] },
});

async function restore(nodes: readonly Node[]) {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const own = new Map([...constants].filter(([name]) => read.has(name)));
  const model = modelFrom(nodes, [1, 4, 8, 8], own);
  return restoreNorms(indexGraph(model.graph, await measureShapes(model, { x: [1, 4, 8, 8] })));
}

describe("a folded network", () => {
  const residual = [conv("x", "a"), relu("a", "r"), conv("r", "c"), node("Add", ["c", "x"], ["y"])];

  it("gets a norm after each convolution; tensors keep their names, biases are removed", async () => {
    const { graph, restored } = await restore(residual);
    expect(restored).toEqual(["a", "c"]);
    expect(graph.nodes.map(({ op, outputs }) => `${op} ${outputs[0]}`)).toEqual([
      ...["Conv a/unnormalised", "BatchNormalization a", "Relu r"],
      ...["Conv c/unnormalised", "BatchNormalization c", "Add y"],
    ]);
    expect(graph.nodes[0]!.inputs).toEqual(["x", "w"]);
    expect(graph.initializers.has("b")).toBe(false);
    expect(inTopologicalOrder(graph.nodes)).toEqual(graph.nodes);
  });

  const chain = (length: number): Node[] =>
    Array.from({ length }, (_, i) => [conv(i === 0 ? "x" : `r${i - 1}`, `c${i}`), relu(`c${i}`, `r${i}`)]).flat();
  const norm = (x: string, y: string): Node => node("BatchNormalization", [x, "s", "t", "m", "v"], [y]);

  test.each<[string, readonly Node[], readonly string[]]>([
    ["depthwise convolutions", [depthwise("x", "a"), relu("a", "y")], ["a"]],
    ["more than 22 in a row", chain(23), Array.from({ length: 23 }, (_, i) => `c${i}`)],
    ["batch norms elsewhere", [norm("x", "n"), conv("n", "a"), relu("a", "y")], ["a"]],
    [
      "the bias after the convolution",
      [depthwise("x", "a"), node("Conv", ["a", "w"], ["c"], same), node("Add", ["c", "perChannel"], ["y"])],
      ["a", "c"],
    ],
    [
      "a norm written out after a transpose",
      [
        depthwise("x", "a"),
        node("Conv", ["a", "w"], ["c"], same),
        node("Transpose", ["c"], ["rows"], { perm: [0, 2, 3, 1] }),
        node("Mul", ["rows", "s"], ["m1"]),
        node("Add", ["m1", "t"], ["y"]),
      ],
      ["a", "c"],
    ],
  ])("is recognised by %s", async (_, nodes, wanted) => {
    expect((await restore(nodes)).restored).toEqual(wanted);
  });

  test.each<[string, readonly Node[], readonly string[]]>([
    ["no bias", [depthwise("x", "a"), conv("a", "y", false)], ["a"]],
    ["its own norm", [depthwise("x", "a"), conv("a", "c"), norm("c", "y")], ["a"]],
    [
      "a single position: squeeze and excitation",
      [
        depthwise("x", "a"),
        node("GlobalAveragePool", ["a"], ["p"]),
        node("Conv", ["p", "point", "b"], ["e"]),
        node("Sigmoid", ["e"], ["g"]),
        node("Mul", ["a", "g"], ["y"]),
      ],
      ["a"],
    ],
  ])("does not change a convolution with %s", async (_, nodes, wanted) => {
    expect((await restore(nodes)).restored).toEqual(wanted);
  });

  test.each<[string, readonly Node[]]>([
    ["plain and shallow, as VGG", chain(22)],
    ["with instance norms", [...residual, node("InstanceNormalization", ["y", "s", "t"], ["z"])]],
    ["with local response norms", [...residual, node("LRN", ["y"], ["z"], { size: 3 })]],
    [
      "with a norm written out",
      [
        ...residual,
        node("Mul", ["y", "y"], ["square"]),
        node("GlobalAveragePool", ["square"], ["variance"]),
        node("Sqrt", ["variance"], ["deviation"]),
        node("Div", ["y", "deviation"], ["z"]),
      ],
    ],
  ])("is not assumed if the network is %s", async (_, nodes) => {
    const { graph, restored } = await restore(nodes);
    expect(restored).toEqual([]);
    expect(graph.nodes).toEqual(nodes);
  });
});
