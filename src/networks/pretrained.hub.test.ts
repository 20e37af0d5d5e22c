/** A network of the catalogue from a hub on this machine. The client itself is tested in hub/huggingface. */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createRandom } from "../base/random.ts";
import { writeSafetensors } from "../formats/safetensors.ts";
import { openTestHub, type TestHub } from "../hub/huggingface/testing.ts";
import type { Tensor } from "../onnx/model.ts";
import { openBackbone } from "../train/node.ts";
import { define } from "./architectures/architecture-registry.ts";
import { freshWeights } from "./architectures/definition-weights.ts";
import { measureCut } from "./backbone/backbone.ts";
import { findCatalogueEntry } from "./catalogue/catalogue.ts";
import type { Network } from "./network.ts";
import { isOnDisk, openNetwork } from "./open.ts";

const NAME = "mobilenetv3_small_050";
const entry = findCatalogueEntry(NAME)!;
const repo = `timm/${NAME}.lamb_in1k`;
const folder = mkdtempSync(join(tmpdir(), "graft-hub-network-"));
const file = join(folder, "model.safetensors");
let hub: TestHub;
let weights: ReadonlyMap<string, Tensor>;

beforeAll(async () => {
  hub = await openTestHub();
  weights = freshWeights(define(NAME), createRandom(3));
  await writeSafetensors(file, weights);
  hub.publish(repo, "model.safetensors", readFileSync(file), "large");
  const pretrained = { input_size: [3, 224, 224], crop_pct: 0.875, interpolation: "bicubic", crop_mode: "center" };
  const normalisation = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] };
  const config = { architecture: NAME, num_classes: 1000, pretrained_cfg: { ...pretrained, ...normalisation } };
  hub.publish(repo, "config.json", Buffer.from(JSON.stringify(config)), "small");
  vi.stubEnv("HF_ENDPOINT", hub.url);
  vi.stubEnv("GRAFT_CACHE", join(folder, "cache"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.close();
});

/** The features of one image of waves. */
async function featuresOf(network: Network): Promise<Float32Array> {
  const runner = openBackbone(network, await measureCut(network));
  const data = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.cos(0.37 * i));
  const features = await runner.forward([data]);
  await runner.close();
  return features;
}

describe("a network of the hub", () => {
  it("is fetched once, has the hub's preprocessing and weights, and then works offline", async () => {
    expect(await isOnDisk(entry)).toBe(false);
    const network = await openNetwork(NAME);
    expect(network).toMatchObject({ name: NAME, licence: "Apache-2.0", source: `hub:${repo}@${hub.commit}` });
    expect(network.preprocessing).toMatchObject({ size: 224, mean: [127.5, 102, 76.5], std: [51, 51, 51] });
    for (const [name, { bytes }] of weights)
      expect(Buffer.compare(network.model.graph.initializers.get(name)!.bytes, bytes), name).toBe(0);

    expect(await isOnDisk(entry)).toBe(true);
    const asked = hub.seen.length;
    const again = await openNetwork(NAME, { offline: true });
    expect(hub.seen).toHaveLength(asked);
    expect(again.sha256).toBe(network.sha256);
  });

  it("has the features of the same weights in a file", async () => {
    const [fromHub, fromFile] = [await openNetwork(NAME), await openNetwork(NAME, { weights: file })];
    expect(await featuresOf(fromHub)).toEqual(await featuresOf(fromFile));
  });

  it("that the hub does not have ends in one sentence", async () => {
    await expect(openNetwork("resnet18")).rejects.toThrow(/timm\/resnet18\.a1_in1k/);
  });
});
