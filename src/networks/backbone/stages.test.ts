/** Stages of graphs built by hand, and of names; whole exports are in ../open.exported.test.ts. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { multiplyAdds } from "../../onnx/analysis/multiply-adds.ts";
import { decodeModel } from "../../onnx/codec/read-model.ts";
import { elementCount, float32Tensor, type Graph, modelOf, type Node, node, rawTensor } from "../../onnx/model.ts";
import { inferShapes } from "../../onnx/session/shapes.ts";
import { define } from "../architectures/architecture-registry.ts";
import { withWeights } from "../architectures/definition-weights.ts";
import { countParameters } from "../network.ts";
import { layerName, type ModulePath, moduleOfNode, moduleOfParameter, pathName, stageNames } from "./stage-names.ts";
import { type StageCost, stagesOf } from "./stages.ts";

describe("modules", () => {
  const name = (path: ModulePath | undefined): string | undefined => path && `${path.kind} ${pathName(path)}`;

  test.each([
    ["layer1.0.conv1.weight", "modules layer1.0.conv1"],
    ["blocks.3.attn.qkv.bias", "modules blocks.3.attn.qkv"],
    ["encoder.self_attention.in_proj_bias", "modules encoder.self_attention"],
    ["classifier.1.weight_quantized", "modules classifier.1"],
    ["Model/Mixed_7c/Branch_0/weights_quant/FakeQuantWithMinMaxVars", "scopes Model/Mixed_7c/Branch_0"],
    ["res2a_branch1/moving_variance", "scopes res2a_branch1"],
    ["onnx::Conv_193", undefined],
    ["val_12", undefined],
    ["pos_embed", undefined],
  ])("of parameter %s: %s", (parameter, expected) => {
    expect(name(moduleOfParameter(parameter))).toBe(expected);
  });

  test.each([
    ["/layer1/layer1.0/downsample/downsample.0/Conv", "Conv", "modules layer1.0.downsample.0"],
    ["/Conv", "Conv", undefined],
    ["node_Conv_254", "Conv", undefined],
    ["block5_conv2", "Conv", "modules block5_conv2"],
    ["StatefulPartitionedCall/net/block_1_expand/Conv2D", "Conv", "scopes StatefulPartitionedCall/net/block_1_expand"],
    ["", "Conv", undefined],
  ])("of node %s: %s", (node, op, expected) => {
    expect(name(moduleOfNode({ name: node, op, domain: "", inputs: [], outputs: ["y"], attributes: {} }))).toBe(
      expected,
    );
  });

  test("a layer without one has its own name, otherwise its operator's", () => {
    expect(layerName({ ...node("Gemm", ["x", "w"], ["y"]), name: "node_linear" }, "val_3")).toBe("node_linear");
    expect(layerName({ ...node("Gemm", ["x", "w"], ["y"]), name: "" }, "val_3")).toBe("Gemm");
  });
});

describe("names of stages", () => {
  /** Links of the given modules; work in brackets: `layer1.0(5)`. */
  const names = (kind: ModulePath["kind"], ...links: string[][]): readonly string[] | undefined =>
    stageNames(
      links.map((modules) => ({
        modules: modules.map((text) => {
          const [path = "", work = "1"] = text.replace(")", "").split("(");
          return { path: { kind, parts: path.split(kind === "scopes" ? "/" : ".") }, multiplyAdds: Number(work) };
        }),
      })),
    );

  test("are the modules at the top, if several share the work", () => {
    expect(names("modules", ["conv1"], ["layer1.0"], ["layer1.1"], ["layer2.0"])).toEqual([
      "conv1",
      "layer1",
      "layer1",
      "layer2",
    ]);
  });

  test("are their parts, if one has nearly all of it", () => {
    const blocks = Array.from({ length: 6 }, (_, i) => [`blocks.${i}.attn`, `blocks.${i}.mlp`]);
    expect(names("modules", ["patch_embed.proj"], ...blocks)).toEqual([
      "patch_embed",
      ...blocks.map((_, i) => `blocks.${i}`),
    ]);
  });

  test("of TensorFlow's scopes leave out the prefix that all share", () => {
    expect(names("scopes", ["Call/net/Conv/Relu"], ["Call/net/Mixed_1/A"], ["Call/net/Mixed_2/A"])).toEqual([
      "Conv",
      "Mixed_1",
      "Mixed_2",
    ]);
  });

  test("of Keras are the blocks that its layers are named after", () => {
    const layers = ["conv1", "res2a_branch2a", "res2b_branch2a", "res3a_branch2a", "res3b_branch2c", "res4a_branch1"];
    expect(names("modules", ...layers.map((layer) => [layer]))).toEqual([
      "conv1",
      "res2",
      "res2",
      "res3",
      "res3",
      "res4",
    ]);
  });

  test("follow the work if branches differ; a layer without a name belongs to the next", () => {
    expect(names("modules", ["a.x"], ["a.y(2)", "b.x(9)"], [], ["c.x"], [])).toEqual(["a", "b", "c", "c", "c"]);
  });

  test.each([
    ["come back after another", [["a.x"], ["b.x"], ["c.x"], ["a.y"]]],
    ["are single layers", Array.from({ length: 9 }, (_, i) => [`conv${i}`])],
    ["are numbers of layers", Array.from({ length: 9 }, (_, i) => [`conv2d_${i}`])],
    ["are lost in most layers", [["a.x"], [], [], ["b.x"], []]],
  ])("are undefined if they %s", (_, links) => {
    expect(names("modules", ...links)).toBeUndefined();
  });
});

/** A chain of 3×3 convolutions of 8 channels on `[1, 8, 16, 16]`, `s` halving the resolution, then pooling and Gemm. */
async function chain(strides: string): Promise<{ graph: Graph; stages: readonly StageCost[] }> {
  const nodes: Node[] = [...strides].flatMap((stride, i) => [
    node("Conv", [i === 0 ? "x" : `a${i - 1}`, `w${i}`], [`c${i}`], {
      pads: [1, 1, 1, 1],
      ...(stride === "s" ? { strides: [2, 2] } : {}),
    }),
    node("Relu", [`c${i}`], [`a${i}`]),
  ]);
  const weights = [...strides].map((_, i) => [`w${i}`, float32Tensor([8, 8, 3, 3], new Float32Array(576))] as const);
  const graph: Graph = {
    name: "g",
    nodes: [
      ...nodes.map((one) => ({ ...one, name: "" })),
      node("GlobalAveragePool", [`a${strides.length - 1}`], ["pool"]),
      node("Flatten", ["pool"], ["flat"]),
      node("Gemm", ["flat", "fc"], ["y"]),
    ],
    inputs: [{ name: "x", type: "float32", dims: [1, 8, 16, 16] }],
    outputs: [{ name: "y", type: "float32" }],
    initializers: new Map([...weights, ["fc", float32Tensor([8, 4], new Float32Array(32))]]),
  };
  return { graph, stages: stagesOf(graph, "flat", await inferShapes(modelOf(graph))) };
}

describe("stages of a graph without names", () => {
  test("end where the resolution changes, and cover everything before the cut", async () => {
    const { stages } = await chain("s.s.s.");
    // The first resolution has three quarters of the work, and is split.
    expect(stages.map(({ name, output }) => [name, output])).toEqual([
      ["stage1", "a0"],
      ["stage2", "a1"],
      ["stage3", "a3"],
      ["stage4", "flat"],
    ]);
    expect(stages.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(6 * 576);
  });

  test("of one resolution are split by their work", async () => {
    const { stages } = await chain("........");
    expect(stages.map(({ output, multiplyAdds: work }) => [output, work / (256 * 576)])).toEqual([
      ["a1", 2],
      ["a3", 2],
      ["a5", 2],
      ["flat", 2],
    ]);
  });

  test("count a shared weight once, and quantised weights without their scales", async () => {
    const weight = rawTensor("int8", [8, 8, 1, 1], new Uint8Array(64));
    const graph: Graph = {
      name: "g",
      nodes: [
        node("DequantizeLinear", ["q", "scale", "zero"], ["w"]),
        node("Conv", ["x", "w"], ["a"]),
        node("Conv", ["a", "w"], ["b"], { strides: [2, 2] }),
      ],
      inputs: [{ name: "x", type: "float32", dims: [1, 8, 4, 4] }],
      outputs: [{ name: "b", type: "float32" }],
      initializers: new Map([
        ["q", weight],
        ["scale", float32Tensor([], [0.1])],
        ["zero", rawTensor("int8", [], new Uint8Array(1))],
      ]),
    };
    const stages = stagesOf(graph, "b", await inferShapes(modelOf(graph)));
    expect(stages.map(({ parameters, multiplyAdds: work }) => [parameters, work])).toEqual([
      [64, 1024],
      [0, 256],
    ]);
    expect(countParameters(modelOf(graph))).toBe(elementCount(weight.dims));
  });
});

describe("stages of an architecture that Graft builds", () => {
  test.each(["resnet18", "mobilenetv2_100", "mobilenetv3_large_100"])(
    "%s: the search finds the stages that it names",
    async (name) => {
      const definition = define(name);
      const weights = [...definition.parameters].map(
        ([key, { dims }]) => [key, float32Tensor(dims, new Float32Array(elementCount(dims)))] as const,
      );
      const model = withWeights(definition, new Map(weights));
      const { inputSize: side, features, stages } = definition;
      const shapes = await inferShapes(model, { image: [1, 3, side, side] });
      const found = stagesOf(model.graph, features.tensor, shapes);
      expect(found.map((stage) => stage.name)).toEqual(stages.map((stage) => stage.name));
      // With the given ends, each stage has the same work.
      const given = stagesOf(model.graph, features.tensor, shapes, stages);
      expect(given.map((stage) => [stage.name, stage.multiplyAdds])).toEqual(
        found.map((stage) => [stage.name, stage.multiplyAdds]),
      );
      // A cut inside a stage ends it, and there are no stages after it.
      const early = stagesOf(model.graph, stages[1]!.output, shapes, stages);
      expect(early.map(({ name: own, output }) => [own, output])).toEqual(
        stages.slice(0, 2).map(({ name: own, output }) => [own, output]),
      );
    },
  );
});

const shared = fileURLToPath(new URL("../../../../shared/networks/mobilenet_v2_100_224.onnx", import.meta.url));
const absent = existsSync(shared) ? "" : "; skipped: ../shared is absent";
test.skipIf(!existsSync(shared))(
  `MobileNetV2 costs what was published: 300 million multiply-adds, 3.5 million parameters${absent}`,
  async () => {
    const { graph, ...rest } = decodeModel(await readFile(shared), shared);
    const shapes = await inferShapes({ ...rest, graph }, { input: [1, 3, 224, 224] });
    // Sandler et al. 2018, arXiv 1801.04381, table 4; here of 1001 classes.
    expect(multiplyAdds(graph, shapes)).toBe(300_775_552);
    expect(countParameters({ ...rest, graph })).toBe(3_489_167);
    const stages = stagesOf(graph, "t169", shapes);
    expect(stages).toHaveLength(6);
    expect(stages.reduce((sum, stage) => sum + stage.multiplyAdds, 0)).toBe(300_775_552 - 1280 * 1001);
  },
);
