/** Uncertainty after fine-tuning: the bank is of the tuned network's own features, as the artifact outputs them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyNetwork } from "../../tests/support/network.ts";
import { writeShapes } from "../../tests/support/pictures.ts";
import { createRandom } from "../base/random.ts";
import { discoverDataset } from "../data/dataset/discover.ts";
import { softmax } from "../metrics/logits.ts";
import { measureCut } from "../networks/backbone/backbone.ts";
import { openFile } from "../networks/open.ts";
import { float32Tensor } from "../onnx/model.ts";
import { openFeatureCache } from "./features/feature-cache.ts";
import { extractFeatures, fileImage } from "./features/image-files.ts";
import { nodeEnvironment, openBackbone } from "./node.ts";
import { partition } from "./training-set.ts";
import { fitUncertainty, type UncertaintyInput } from "./uncertainty.ts";

describe("fitUncertainty", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "graft-trust-"));
    await writeFile(join(folder, "tiny.onnx"), tinyNetwork());
    await writeShapes(join(folder, "data"), { circle: 20, square: 20 });
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function input(isTuned: boolean): Promise<UncertaintyInput> {
    const network = await openFile(join(folder, "tiny.onnx"), { preprocessing: "imagenet" });
    const shape = await measureCut(network);
    const dataset = await discoverDataset(join(folder, "data"));
    const cache = await openFeatureCache(join(folder, `cache-${isTuned}`), shape.features);
    const runner = openBackbone(network, shape);
    const paths = dataset.examples.map(({ path }) => path);
    const extraction = await extractFeatures(paths, cache, runner);
    const set = {
      classes: dataset.classes,
      examples: dataset.examples.map(({ path, label }) => ({ label, source: fileImage(path) })),
    };
    const digests = paths.map((_, item) => extraction.digests.get(item)?.toString("hex"));
    const groups = Int32Array.from(extraction.kept.keys());
    const { train, test } = partition(set, { ...extraction, digests }, groups, createRandom(0));
    await runner.close();
    const answers = (labels: Int32Array) => ({
      probabilities: softmax(
        Float32Array.from({ length: labels.length * 2 }, (_, i) => (i * 7) % 3),
        2,
      ),
      labels,
    });
    const { graph } = network.model;
    const initializers = new Map(graph.initializers);
    // Another first layer: other features.
    if (isTuned)
      initializers.set(
        "conv/b",
        float32Tensor(
          [16],
          Array.from({ length: 16 }, (_, i) => (i % 2 ? 2 : 0)),
        ),
      );
    return {
      network: { ...network, model: { ...network.model, graph: { ...graph, initializers } } },
      shape,
      seed: 0,
      train,
      test,
      isTuned,
      unseen: answers(train.labels).probabilities,
      calibration: answers(train.labels),
      tested: answers(test!.labels),
    };
  }

  it("uses the known features of a frozen network, and computes those of a fine-tuned one", async () => {
    const [frozen, tuned] = [
      await fitUncertainty(await input(false), nodeEnvironment),
      await fitUncertainty(await input(true), nodeEnvironment),
    ];
    expect(frozen.detector.scales.length).toBe(32);
    expect(tuned.detector.scales.length).toBe(32);
    expect(tuned.detector.bank).not.toEqual(frozen.detector.bank);
    for (const { facts, tested } of [frozen, tuned]) {
      expect(tested!.falseAlarms.asked).toBe(8);
      expect(tested!.falseAlarms.count).toBeLessThanOrEqual(4);
      expect(facts.conformal).toMatchObject({ coverage: 0.9, calibratedOn: 32 });
    }
  });
});
