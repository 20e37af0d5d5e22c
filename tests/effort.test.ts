/** Which features a training selects: cuts read in one pass, mirrored views in the artifact, the same in Node and in memory. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ort from "onnxruntime-node";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../src/base/random.ts";
import { discoverDataset } from "../src/data/dataset/discover.ts";
import { decodeImage } from "../src/data/image/decode.ts";
import { openExplainers } from "../src/explain/explain.ts";
import { artifactKeys, buildArtifact } from "../src/model/artifact-graph.ts";
import { permissiveUncertainty } from "../src/model/testing.ts";
import { measureCut, multiCutModel } from "../src/networks/backbone/backbone.ts";
import { openNetwork } from "../src/networks/open.ts";
import { encodeModelWhole } from "../src/onnx/codec/write-model.ts";
import { float32Tensor, modelOf, node } from "../src/onnx/model.ts";
import { openFeaturesOf, openReadings, rememberedCuts } from "../src/train/features/feature-cache.ts";
import { extractFeatures } from "../src/train/features/image-files.ts";
import { frozenFeatures } from "../src/train/frozen.ts";
import { nodeEnvironment } from "../src/train/node.ts";
import { trainIn } from "../src/train/train.ts";
import { train } from "../src/train/train-dataset.ts";
import type { TrainingSet } from "../src/train/training-set.ts";
import { pixelImages, webEnvironment } from "../src/train/web.ts";
import { tinyNetwork } from "./support/network.ts";
import { drawStripes } from "./support/pictures.ts";

let work: string;
const previous = process.env.GRAFT_CACHE;

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), "graft-effort-"));
  process.env.GRAFT_CACHE = join(work, "cache");
  writeFileSync(join(work, "forgetful.onnx"), forgetfulNetwork());
  writeFileSync(join(work, "tiny.onnx"), tinyNetwork(3));
  await writeReds(join(work, "reds"));
  await writeRamps(join(work, "ramps"));
});

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
  if (previous === undefined) delete process.env.GRAFT_CACHE;
  else process.env.GRAFT_CACHE = previous;
});

/**
 * A network whose first stage, `early`, has all colours, and whose second has green alone. Its third, `later`, is behind what it gives its
 * classifier and so behind the cut that is named `middle`.
 */
function forgetfulNetwork(): Uint8Array {
  const pick = (to: number, from: number): number[] =>
    Array.from({ length: to * from * 9 }, (_, at) => {
      const [channel, source, place] = [Math.floor(at / (from * 9)), Math.floor(at / 9) % from, at % 9];
      const wanted = to === 3 ? channel : 1;
      return place === 4 && source === wanted ? 1 - 0.2 * channel : 0;
    });
  return encodeModelWhole(
    modelOf({
      name: "forgetful",
      nodes: [
        node("Conv", ["input", "first/w", "first/b"], ["first"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
        node("Relu", ["first"], ["early"]),
        node("Conv", ["early", "second/w", "second/b"], ["second"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
        node("Relu", ["second"], ["middle"]),
        node("GlobalAveragePool", ["middle"], ["pool"]),
        node("Flatten", ["pool"], ["flat"], { axis: 1 }),
        node("Gemm", ["flat", "fc/w", "fc/b"], ["logits"], { transB: 1 }),
      ],
      inputs: [{ name: "input", type: "float32", dims: ["N", 3, 32, 32] }],
      outputs: [{ name: "logits", type: "float32", dims: ["N", 10] }],
      initializers: new Map([
        ["first/w", float32Tensor([3, 3, 3, 3], pick(3, 3))],
        ["first/b", float32Tensor([3], [2, 2, 2])],
        ["second/w", float32Tensor([2, 3, 3, 3], pick(2, 3))],
        ["second/b", float32Tensor([2], [0, 0])],
        [
          "fc/w",
          float32Tensor(
            [10, 2],
            Array.from({ length: 20 }, (_, i) => (i % 7) - 3),
          ),
        ],
        ["fc/b", float32Tensor([10], new Array<number>(10).fill(0))],
      ]),
    }),
  );
}

/** Images of one colour on noise: `low` and `high` differ in red, and in nothing else. */
async function writeReds(folder: string): Promise<void> {
  const random = createRandom(2);
  for (const [name, red] of [
    ["low", 90],
    ["high", 150],
  ] as const) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < 30; i++) {
      const base = [red + 30 * (random.next() - 0.5), 60 + 120 * random.next(), 60 + 120 * random.next()];
      const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => base[at % 3]! + 40 * (random.next() - 0.5));
      await sharp(data, { raw: { width: 32, height: 32, channels: 3 } }).toFile(join(folder, name, `${i}.png`));
    }
  }
}

/** Greys that rise or fall from left to right: each class is the other's mirror image. */
async function writeRamps(folder: string): Promise<void> {
  const random = createRandom(4);
  for (const name of ["falling", "rising"]) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < 30; i++) {
      const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => {
        const x = Math.floor(at / 3) % 32;
        return 30 + 6 * (name === "rising" ? x : 31 - x) + 20 * (random.next() - 0.5);
      });
      await sharp(data, { raw: { width: 32, height: 32, channels: 3 } }).toFile(join(folder, name, `${i}.png`));
    }
  }
}

const forgetful = () => openNetwork(join(work, "forgetful.onnx"), { preprocessing: "imagenet" });

describe("the cut", () => {
  test("is the one whose features carry the label; files and report say so", async () => {
    const result = await train({ dataset: await discoverDataset(join(work, "reds")), network: await forgetful() });
    const [own, other] = result.choice!.tried;
    expect(own).toMatchObject({ cut: "flat", views: "plain", gain: null });
    expect(own!.accuracy).toBeLessThan(0.8);
    expect(other).toMatchObject({ cut: "early", features: 3, accuracy: 1 });
    expect(result.choice).toMatchObject({ effort: "quick", cut: "early" });
    expect(result.network.cut).toBe("early");
    expect(result.test.evaluation.accuracy).toBe(1);
    expect(result.frozenUnchanged).toBe(true);
    expect(JSON.parse(result.artifact.metadata.get(artifactKeys.network)!)).toMatchObject({
      cut: "early",
      views: "plain",
      tuned: false,
    });
  });

  test("that the caller names is kept", async () => {
    const network = await openNetwork(join(work, "forgetful.onnx"), { preprocessing: "imagenet", cut: "middle" });
    const dataset = await discoverDataset(join(work, "reds"));
    for (const effort of ["quick", "better"] as const) {
      const result = await train({ dataset, network, effort });
      expect(result.network.cut).toBe("middle");
      expect(new Set(result.choice!.tried.map(({ cut }) => cut))).toEqual(new Set(["middle"]));
    }
  });

  test("quick tries no cut behind the network's own, better does", async () => {
    const network = { ...(await forgetful()), cut: "early", cuts: ["middle"] };
    const dataset = await discoverDataset(join(work, "reds"));
    const tried = async (effort: "quick" | "better"): Promise<string[]> =>
      (await train({ dataset, network, effort })).choice!.tried.map(({ cut, views }) => `${cut} ${views}`);
    expect(await tried("quick")).toEqual(["early plain"]);
    expect(await tried("better")).toEqual(["early plain", "middle plain", "early mirrored"]);
  });

  test("a fine-tuning starts from the network's own", async () => {
    const dataset = await discoverDataset(join(work, "reds"));
    const result = await train({ dataset, network: await forgetful(), finetune: { unfreeze: "1", epochs: 1 } });
    expect(result.network.cut).toBe("flat");
    expect(result.choice).toBeUndefined();
  });

  test("in memory is the one that is taken over files", async () => {
    const dataset = await discoverDataset(join(work, "reds"));
    const settings = { seed: 0, classWeights: "none", effort: "better", test: "none" } as const;
    const { choice, artifact } = await trainIn(webEnvironment({ halfPrecision: false }), setOf(dataset), {
      ...settings,
      network: await forgetful(),
    });
    expect(choice).toMatchObject({ effort: "better", cut: "early" });
    expect(JSON.parse(artifact.metadata.get(artifactKeys.network)!)).toMatchObject({ cut: "early", tuned: false });
  });
});

/** A dataset as a page has it. */
function setOf({ examples, classes }: Awaited<ReturnType<typeof discoverDataset>>): TrainingSet {
  const sources = pixelImages(
    examples.map(
      ({ path }) =>
        async () =>
          decodeImage(await sharp(path).png().toBuffer()),
    ),
  );
  return { classes, examples: examples.map(({ label }, place) => ({ label, source: sources[place]! })) };
}

describe("one pass", () => {
  test("reads all cuts and both views of each image once, and each cut's features are kept for who wants them alone", async () => {
    const network = await forgetful();
    const dataset = await discoverDataset(join(work, "ramps"));
    const paths = dataset.examples.map(({ path }) => path);
    const cuts = await rememberedCuts(network);
    expect(cuts.map(({ tensor }) => tensor)).toEqual(["flat", "early"]);
    const cache = await openReadings(network, { cuts, mirrors: true });
    const runner = frozenFeatures(network, () => multiCutModel(network, cuts, true), nodeEnvironment);
    let [runs, images] = [0, 0];
    const counting = {
      ...runner,
      forward: (prepared: Parameters<typeof runner.forward>[0]) => {
        runs++;
        images += prepared.length;
        return runner.forward(prepared);
      },
    };
    const extraction = await extractFeatures(paths, cache, counting, { batch: 16 });
    expect([runs, images]).toEqual([Math.ceil(paths.length / 16), paths.length]);
    expect(extraction.table.columns).toBe(2 * (2 + 3));
    await extractFeatures(paths, cache, counting);
    expect(images).toBe(paths.length);
    await runner.close();

    for (const [at, first] of [
      ["flat", 0],
      ["early", 2],
    ] as const) {
      const { shape, cache: kept } = await openFeaturesOf({ ...network, cut: at });
      const never = { ...counting, forward: () => Promise.reject(new Error("It was in the cache.")) };
      const alone = await extractFeatures(paths, kept, never);
      expect([alone.cached, shape.features]).toEqual([paths.length, at === "flat" ? 2 : 3]);
      const [own, whole] = [new Float32Array(shape.features), new Float32Array(10)];
      for (const row of [0, 7, paths.length - 1]) {
        alone.table.read(row, own);
        extraction.table.read(row, whole);
        expect(own).toEqual(whole.subarray(first, first + shape.features));
      }
      kept.close();
    }
    cache.close();
  });
});

describe("mirrored views", () => {
  const views = ["plain", "mirrored"] as const;

  /** Artifacts of the same head on features of one view, and on the mean over two. */
  async function artifacts(): Promise<Uint8Array[]> {
    const network = await openNetwork(join(work, "tiny.onnx"), { preprocessing: "imagenet" });
    const shape = await measureCut(network);
    const random = createRandom(8);
    const head = {
      weights: Float32Array.from({ length: 3 * shape.features }, () => random.next() - 0.5),
      bias: Float32Array.of(0.1, -0.2, 0.3),
    };
    const rest = {
      classes: ["a", "b", "c"],
      temperature: 1.5,
      ...permissiveUncertainty(shape.features),
      graftVersion: "0.0.0",
    };
    return views.map((which) =>
      encodeModelWhole(buildArtifact({ network, shape: { ...shape, views: which }, head, ...rest })),
    );
  }

  const mirrored = (data: Uint8Array, width: number): Uint8Array =>
    data.map((_, at) => {
      const [pixel, channel] = [Math.floor(at / 3), at % 3];
      const x = pixel % width;
      return data[3 * (pixel - x + (width - 1 - x)) + channel]!;
    });

  test("the artifact's features and logits are the mean of both views' in onnxruntime, in any batch and at any size", async () => {
    const [plain, both] = await Promise.all(
      (await artifacts()).map((bytes) => ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })),
    );
    for (const [width, height] of [
      [32, 32],
      [57, 40],
    ] as const) {
      const images = [1, 2, 3].map((seed) => drawStripes(0.4 * seed, width, height, seed).data);
      const ask = async (session: ort.InferenceSession, data: readonly Uint8Array[], output: string) => {
        const pixels = new ort.Tensor("uint8", Buffer.concat(data), [data.length, height, width, 3]);
        return (await session.run({ image: pixels }))[output]!.data as Float32Array;
      };
      const turned = images.map((data) => mirrored(data, width));
      for (const output of ["features", "logits"]) {
        const [one, other] = [await ask(plain!, images, output), await ask(plain!, turned, output)];
        expect(Math.max(...one.map((value, i) => Math.abs(value - other[i]!)))).toBeGreaterThan(1e-3);
        const mean = await ask(both!, images, output);
        expect(mean).toHaveLength(one.length);
        mean.forEach((value, i) => {
          expect(value).toBeCloseTo((one[i]! + other[i]!) / 2, 4);
        });
      }
    }
  });

  test("are left where classes are each other's mirror image", async () => {
    const network = await openNetwork(join(work, "tiny.onnx"), { preprocessing: "imagenet" });
    const dataset = await discoverDataset(join(work, "ramps"));
    const result = await train({ dataset, network, effort: "better" });
    expect(result.choice!.views).toBe("plain");
    expect(result.choice!.tried.at(-1)).toMatchObject({ views: "mirrored" });
    expect(result.choice!.tried.at(-1)!.gain!).toBeLessThan(0);
    expect(result.test.evaluation.accuracy).toBe(1);
  });

  test("a model with them is explained, and is a network again", async () => {
    const path = join(work, "both.onnx");
    writeFileSync(path, (await artifacts())[1]!);
    const { readArtifact } = await import("../src/model/predict.ts");
    const explainers = await openExplainers(readArtifact((await artifacts())[1]!, path).model, path, [
      "grad-cam",
      "integrated-gradients",
    ]);
    const { width, height, data } = drawStripes(0.5, 40, 40, 1);
    const [cam, gradients] = await explainers.explain({ width, height, data }, 1);
    expect(cam!.jpeg.length).toBeGreaterThan(100);
    expect(gradients!.completeness!.error).toBeLessThan(0.05);
    await explainers.close();

    const again = await openNetwork(path);
    expect(await measureCut(again)).toMatchObject({ features: 16 });
    const dataset = await discoverDataset(join(work, "reds"));
    expect((await train({ dataset, network: again })).test.evaluation.accuracy).toBeGreaterThan(0.8);
  });
});
