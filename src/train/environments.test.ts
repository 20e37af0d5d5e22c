/** One pipeline: Node with files and a page with pixels in memory come to the same artifact, byte by byte. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { tinyNetwork } from "../../tests/support/network.ts";
import { drawStripes, encode } from "../../tests/support/pictures.ts";
import { decodeImage } from "../data/image/decode.ts";
import type { Network } from "../networks/network.ts";
import { openFile } from "../networks/open.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { fileImage } from "./features/image-files.ts";
import type { FinetuneOptions } from "./finetune/finetune-contract.ts";
import type { Trained } from "./learn.ts";
import { nodeEnvironment } from "./node.ts";
import { trainIn } from "./train.ts";
import type { TrainSettings } from "./training-set.ts";
import { pixelImages, webEnvironment } from "./web.ts";

const CLASSES = ["flat", "slanted", "steep"];
const IMAGES = 90;

describe("a training in Node and in a page", () => {
  let folder: string;
  let paths: string[];
  let network: Network;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "graft-environments-"));
    vi.stubEnv("GRAFT_CACHE", join(folder, "cache"));
    await writeFile(join(folder, "tiny.onnx"), tinyNetwork(3, 1));
    network = await openFile(join(folder, "tiny.onnx"), { preprocessing: "inception" });
    paths = [];
    for (let i = 0; i < IMAGES; i++) {
      const path = join(folder, `${i}.png`);
      await writeFile(path, await encode(drawStripes((i % 3) * 1.05, 40 + (i % 5), 36, i), "png"));
      paths.push(path);
    }
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  /** The same training in both. */
  async function both(how: Pick<TrainSettings, "effort" | "finetune">): Promise<[Trained, Trained]> {
    const settings = { network, seed: 5, classWeights: "none", test: "none", ...how } as const;
    const labels = paths.map((_, i) => ({ label: i % 3 }));
    const files = paths.map((path, i) => ({ ...labels[i]!, source: fileImage(path) }));
    const sources = pixelImages(paths.map((path) => () => decodeImage(path)));
    const pixels = sources.map((source, i) => ({ ...labels[i]!, source }));
    return [
      await trainIn(nodeEnvironment, { classes: CLASSES, examples: files }, settings),
      await trainIn(webEnvironment({ halfPrecision: true }), { classes: CLASSES, examples: pixels }, settings),
    ];
  }

  function expectSame([node, page]: readonly [Trained, Trained]): void {
    expect(page.validation).toEqual(node.validation);
    expect(Buffer.compare(encodeModelWhole(page.artifact), encodeModelWhole(node.artifact))).toBe(0);
  }

  test.each(["quick", "better"] as const)("a head, with %s effort", async (effort) => {
    const trained = await both({ effort });
    expect(trained.map(({ test: tested, trained: count }) => [tested, count])).toEqual([
      [undefined, IMAGES],
      [undefined, IMAGES],
    ]);
    expectSame(trained);
  });

  test("a fine-tuning of the last stage, validated by further trainings too", async () => {
    const finetune: FinetuneOptions = { unfreeze: 1, epochs: 10, batch: 8, learningRate: 1e-3, augment: "none" };
    const trained = await both({ effort: "quick", finetune });
    for (const { finetune: facts } of trained) {
      expect(facts!.kept).toBe("fine-tuned");
      expect(facts!.choice!.folds).toBeGreaterThan(1);
    }
    expectSame(trained);
  });
});
