/**
 * VGG-16 from a hub on this machine, as Keras publishes it, against Keras' own results; and weights that do not fit. Without its
 * hidden layers, whose half gigabyte is too much for this test: architecture-registry.parity.test.ts runs them.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { hdf5Of } from "../formats/hdf5/testing.ts";
import { writeSafetensors } from "../formats/safetensors.ts";
import { openTestHub, type TestHub } from "../hub/huggingface/testing.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { asFloat32, elementCount, type Tensor } from "../onnx/model.ts";
import { cutGraph } from "../onnx/passes/cut-and-merge.ts";
import { openSession } from "../onnx/session/session.ts";
import { define } from "./architectures/architecture-registry.ts";
import { keptIndices, type ParityFixture, parityImages, parityTensor } from "./architectures/testing.ts";
import type { Network } from "./network.ts";
import { openNetwork } from "./open.ts";

const fixturePath = new URL("architectures/fixtures/vgg16.keras.json", import.meta.url);
const fixture = JSON.parse(readFileSync(fixturePath, "utf8")) as ParityFixture;
/** The last stage before the hidden layers. */
const STAGE = "features.24";

const folder = mkdtempSync(join(tmpdir(), "graft-hub-vgg-"));
const repo = "timm/vgg16.tv_in1k";
let hub: TestHub;

beforeAll(async () => {
  hub = await openTestHub();
  const convolutions = [...define("vgg16").parameters].filter(([name]) => name.startsWith("features."));
  const weights = new Map(convolutions.map(([name, { dims }]) => [name, parityTensor(name, dims, fixture.gain)]));
  const file = join(folder, "model.safetensors");
  await writeSafetensors(file, weights);
  hub.publish(repo, "model.safetensors", readFileSync(file), "large");
  const geometry = { input_size: [3, 224, 224], crop_pct: 0.875, interpolation: "bilinear", crop_mode: "center" };
  const normalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  const config = { architecture: "vgg16", pretrained_cfg: { ...geometry, ...normalisation } };
  hub.publish(repo, "config.json", Buffer.from(JSON.stringify(config)), "small");
  hub.publish("keras/vgg16", "weights/vgg16_notop.h5", asKeras(weights), "large");
  vi.stubEnv("HF_ENDPOINT", hub.url);
  vi.stubEnv("GRAFT_CACHE", join(folder, "cache"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.close();
});

/** The file that Keras would write of VGG's convolutions: five blocks of two or three, kernels [rows, columns, in, out]. */
function asKeras(weights: ReadonlyMap<string, Tensor>): Uint8Array {
  const layers = [2, 2, 3, 3, 3].flatMap((depth, block) =>
    Array.from({ length: depth }, (_, layer) => `block${block + 1}_conv${layer + 1}`),
  );
  return hdf5Of((root) => {
    for (const [index, [name, tensor]] of [...weights].entries()) {
      const layer = layers[Math.floor(index / 2)]!;
      const kernel = name.endsWith(".weight");
      const [data, shape] = kernel ? kerasKernel(tensor) : [asFloat32(tensor), tensor.dims];
      if (kernel) root.create_group(layer).create_group(layer);
      root.create_dataset({
        name: `${layer}/${layer}/${kernel ? "kernel:0" : "bias:0"}`,
        data,
        shape: [...shape],
        dtype: "<f",
      });
    }
  });
}

function kerasKernel(tensor: Tensor): [Float32Array, number[]] {
  const [out, channels, rows, columns] = tensor.dims as [number, number, number, number];
  const values = asFloat32(tensor);
  const turned = new Float32Array(values.length);
  const places = rows * columns;
  for (let o = 0; o < out; o++)
    for (let c = 0; c < channels; c++)
      for (let place = 0; place < places; place++)
        turned[(place * channels + c) * out + o] = values[(o * channels + c) * places + place]!;
  return [turned, [rows, columns, channels, out]];
}

/** The stage's map and the features that Graft computes from it. */
async function run({ model, cut, stages = [] }: Network) {
  const map = stages.find(({ name }) => name === STAGE)!.output;
  const graph = cutGraph(model.graph, [{ name: map }, { name: cut! }]);
  const session = await openSession(encodeModelWhole({ ...model, graph }), { optimise: false });
  try {
    const { inputSize, images } = fixture;
    const image = { dims: [images, 3, inputSize, inputSize], data: parityImages(images, inputSize) };
    const found = await session.run({ [graph.inputs[0]!.name]: image }, [map, cut!]);
    return { map: found[map]!, features: found[cut!]! };
  } finally {
    await session.close();
  }
}

async function expectParity(network: Network): Promise<void> {
  const { map, features } = await run(network);
  const { dims, norm, values } = fixture.outputs[STAGE]!;
  expect(map.dims).toEqual(dims);
  const numbers = map.data as Float32Array;
  const typical = norm / Math.sqrt(numbers.length);
  for (const [index, at] of keptIndices(numbers.length, values.length).entries())
    expect(Math.abs(numbers[at]! - values[index]!) / typical).toBeLessThan(1e-4);
  const found = Math.sqrt(numbers.reduce((sum, value) => sum + value ** 2, 0));
  expect(Math.abs(found / norm - 1)).toBeLessThan(1e-4);

  const [, channels, ...sides] = dims as [number, number, ...number[]];
  const pixels = elementCount(sides);
  const means = Array.from({ length: channels }, (_, c) => {
    const channel = numbers.subarray(c * pixels, (c + 1) * pixels);
    return channel.reduce((sum, value) => sum + value, 0) / pixels;
  });
  expect(features.dims).toEqual([1, channels]);
  for (const [c, mean] of means.entries()) expect(features.data[c]).toBeCloseTo(mean, 4);
}

describe("VGG-16 from a hub", () => {
  it("as .h5 of Keras, and offline once it is fetched", async () => {
    const weights = "hf:keras/vgg16/weights/vgg16_notop.h5";
    const network = await openNetwork("vgg16", { weights });
    expect(network).toMatchObject({
      source: `hub:keras/vgg16/weights/vgg16_notop.h5@${hub.commit}`,
      preprocessingFrom: "what Keras Applications does for vgg16",
    });
    await expectParity(network);

    const asked = hub.seen.length;
    expect((await openNetwork("vgg16", { weights, offline: true })).sha256).toBe(network.sha256);
    expect(hub.seen).toHaveLength(asked);
  });

  it("by its catalogue name is refused if a part of it is missing", async () => {
    await expect(openNetwork("vgg16")).rejects.toThrow(/do not fit vgg16: missing pre_logits\.fc1\.weight/);
  });

  it("as weights of another architecture reports the wrong parameters, and keeps the file", async () => {
    await expect(openNetwork("vgg19", { weights: `hf:${repo}/model.safetensors` })).rejects.toThrow(
      /do not fit vgg19: missing features\.16\.weight/,
    );
    await expect(openNetwork("no_such_net", { weights: `hf:${repo}/model.safetensors` })).rejects.toThrow(
      /no_such_net/,
    );
  });
});
