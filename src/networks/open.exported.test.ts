/** Real exports (bench/reference/exported_patterns.py), from the file to features: the cut, the stages, batches of any size. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createRandom } from "../base/random.ts";
import { decodeModel } from "../onnx/codec/read-model.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import type { Model } from "../onnx/model.ts";
import { elementCount, float32Tensor } from "../onnx/model.ts";
import { cutGraph } from "../onnx/passes/cut-and-merge.ts";
import { raiseOpset } from "../onnx/passes/raise-opset.ts";
import { openSession } from "../onnx/session/session.ts";
import { backboneModel, FEATURES, measureCut, PIXELS, pixelDims, shapesOf } from "./backbone/backbone.ts";
import { stagesOf } from "./backbone/stages.ts";
import { networkOf } from "./imported/model-network.ts";
import type { Network } from "./network.ts";

const fixtures = JSON.parse(readFileSync(new URL("./fixtures/exported.json", import.meta.url), "utf8")) as Record<
  string,
  string
>;

/** A fixture with weights in place of its zeros. */
function exported(name: string): Model {
  const model = raiseOpset(decodeModel(gunzipSync(Buffer.from(fixtures[name]!, "base64")), name));
  const random = createRandom(1);
  const initializers = [...model.graph.initializers].map(([key, tensor]) => {
    if (tensor.type !== "float32" || tensor.bytes.some((byte) => byte !== 0)) return [key, tensor] as const;
    const scale = 1 / Math.sqrt(Math.max(4, elementCount(tensor.dims) / (tensor.dims[0] ?? 1)));
    const values = Float32Array.from({ length: elementCount(tensor.dims) }, () => (random.next() * 4 - 2) * scale);
    return [key, float32Tensor(tensor.dims, values)] as const;
  });
  return { ...model, graph: { ...model.graph, initializers: new Map(initializers) } };
}

const open = async (name: string): Promise<Network> => ({ ...(await networkOf(exported(name), name)), sha256: "" });

const run = async (model: Model, input: string, dims: readonly number[], data: Float32Array): Promise<Float32Array> => {
  const session = await openSession(encodeModelWhole(model), { threads: 1 });
  try {
    const result = await session.run({ [input]: { dims, data } });
    return Object.values(result)[0]!.data as Float32Array;
  } finally {
    await session.close();
  }
};

function imageOf(size: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: size }, () => random.next() * 2 - 1);
}

const furthest = (a: Float32Array, b: Float32Array): number =>
  a.length === b.length ? Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) : Number.POSITIVE_INFINITY;

interface Expected {
  readonly cut: string;
  readonly layer?: string;
  readonly pooling: string;
  readonly features: number;
  readonly stages: readonly string[];
}

const resnetStages = ["conv1", "layer1", "layer2", "layer3", "layer4"];
const fire = ["0", "3", "4", "6", "7", "9", "10", "11", "12"].map((index) => `features.${index}`);
const blocks = ["patch_embed", "blocks.0", "blocks.1"];
const expected: Readonly<Record<string, Expected>> = {
  "resnet.script": {
    cut: "/global_pool/flatten/Flatten_output_0",
    layer: "Gemm, fc,",
    pooling: "none",
    features: 32,
    stages: resnetStages,
  },
  "resnet.dynamo": { cut: "view", layer: "Gemm, fc,", pooling: "none", features: 32, stages: resnetStages },
  "resnet_features.dynamo": { cut: "view", pooling: "none", features: 32, stages: resnetStages },
  "mobilenetv2.script": {
    cut: "/Flatten_output_0",
    layer: "Gemm, classifier.1,",
    pooling: "none",
    features: 1280,
    stages: ["features.0", "features.1", "features.2", "features.3", "features.4"],
  },
  "squeezenet.dynamo": {
    cut: "cat_7",
    layer: "Conv, classifier.1,",
    pooling: "spatial-mean",
    features: 512,
    stages: fire,
  },
  "convnext.dynamo": {
    cut: "view_5",
    layer: "Gemm, head.fc,",
    pooling: "none",
    features: 8,
    stages: ["stem", "stages.0", "stages.1", "stages.2", "stages.3"],
  },
  "swin.dynamo.fixed": {
    cut: "mean",
    layer: "Gemm, head.fc,",
    pooling: "none",
    features: 16,
    stages: ["patch_embed", "layers.0", "layers.1"],
  },
  "vit.script": { cut: "/Gather_1_output_0", layer: "Gemm, head,", pooling: "none", features: 16, stages: blocks },
  "vit.script.fixed": { cut: "/Gather_output_0", layer: "Gemm, head,", pooling: "none", features: 16, stages: blocks },
  "vit_mean.dynamo.fixed": { cut: "layer_norm_4", layer: "Gemm, head,", pooling: "none", features: 16, stages: blocks },
  "vit_tokens.dynamo": {
    cut: "layer_norm_2",
    pooling: "class-token",
    features: 16,
    stages: ["trunk.patch_embed", "trunk.blocks.0.attn", "trunk.blocks.0.mlp"],
  },
  "deit_distilled.dynamo.fixed": { cut: "select", layer: "Gemm, head,", pooling: "none", features: 16, stages: blocks },
  "torchvision_vit.script.fixed": {
    cut: "/Gather_output_0",
    layer: "Gemm, heads.head,",
    pooling: "none",
    features: 16,
    stages: ["conv_proj", "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_1"],
  },
  keras: {
    cut: "/Cast_25_output_0",
    layer: "MatMul, /MatMul,",
    pooling: "none",
    features: 16,
    stages: ["stage1", "stage2", "stage3"],
  },
  keras_features: {
    cut: "216",
    pooling: "spatial-mean-nhwc",
    features: 16,
    stages: ["stage1", "stage2", "stage3"],
  },
};

describe.each(Object.entries(expected))("%s", (name, want) => {
  test("is cut at its features, and says why", async () => {
    const network = await open(name);
    expect(network.cut).toBe(want.cut);
    expect(network.why).toContain(want.layer ?? "the output itself");
    expect(await measureCut(network)).toMatchObject({ pooling: want.pooling, features: want.features });
  });

  test("has stages", async () => {
    const { model, cut, ...network } = await open(name);
    const stages = stagesOf(model.graph, cut, await shapesOf({ model, cut, ...network }));
    expect(stages.map((stage) => stage.name)).toEqual(want.stages);
    expect(stages.every(({ multiplyAdds, parameters }) => multiplyAdds > 0 && parameters > 0)).toBe(true);
    expect(stages.at(-1)!.output).toBe(cut);
    // Each stage ends in the only tensor that later stages need.
    for (const { output } of stages) {
      const without = model.graph.nodes.filter(({ outputs }) => !outputs.includes(output));
      const rest = { ...model.graph, nodes: without, inputs: [{ name: output, type: "float32" as const }] };
      expect(cutGraph(rest, [{ name: cut, type: "float32" }]).inputs.map((value) => value.name)).toEqual([output]);
    }
  });

  test("computes the same for each image of a batch as alone, and as the file", async () => {
    const model = exported(name);
    const network = await open(name);
    const backbone = backboneModel(network, await measureCut(network));
    const dims = pixelDims(network, 1);
    const size = elementCount(dims);
    const images = [imageOf(size, 2), imageOf(size, 3)];
    const both = await run(backbone, PIXELS, [2, ...dims.slice(1)], Float32Array.from(images.flatMap((p) => [...p])));
    const part = cutGraph(model.graph, [{ name: want.cut, type: "float32" }]);
    expect(backbone.graph.outputs[0]!.name).toBe(FEATURES);
    for (const [i, pixels] of images.entries()) {
      const alone = await run(backbone, PIXELS, dims, pixels);
      expect(furthest(both.slice(i * want.features, (i + 1) * want.features), alone)).toBeLessThan(1e-5);
      expect(Math.max(...alone.map(Math.abs))).toBeGreaterThan(1e-3);
      if (want.pooling !== "none") continue;
      const original = await run({ ...model, graph: part }, part.inputs[0]!.name, dims, pixels);
      expect(furthest(alone, original)).toBeLessThan(1e-5);
    }
  });
});

test("a batch that is in the graph as an index cannot be freed: one sentence with the remedy", async () => {
  await expect(networkOf(exported("convnext.dynamo.fixed"), "net.onnx")).rejects.toThrow(
    "net.onnx works only with batches of 1 and could not be rewritten: export it again with a dynamic batch axis.",
  );
});
