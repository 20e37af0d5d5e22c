/** Training in a real browser: a head and one stage learn in the page, and end with the weights that Node ends with. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../src/data/image/decode.ts";
import { openArtifact, openNetwork } from "../../src/index.ts";
import { decodeModel } from "../../src/onnx/codec/read-model.ts";
import type { Model } from "../../src/onnx/model.ts";
import { asFloat32 } from "../../src/onnx/model.ts";
import type { Trained } from "../../src/train/learn.ts";
import { trainIn } from "../../src/train/train.ts";
import { pixelImages, webEnvironment } from "../../src/train/web.ts";
import { browserNote, launchChromium } from "../support/chromium.ts";
import { temporaryFolder } from "../support/cli.ts";
import { tinyNetwork } from "../support/network.ts";
import { drawShape, drawStripes, encode, shapeNames } from "../support/pictures.ts";
import { bundlePage, type Site, serveSite } from "../support/site.ts";
import { call } from "./call.ts";
import type { EngineOptions, TrainingJob } from "./contract.ts";
import { type StepsJob, takeSteps } from "./steps.ts";

const shared = fileURLToPath(new URL("../../../shared/", import.meta.url));
const mobilenet = join(shared, "networks/mobilenet_v2_100_224.onnx");
const signs = join(shared, "datasets/sign-digits/train");
const present = existsSync(mobilenet) && existsSync(signs);

/** An image's file and its class. */
interface Labelled {
  readonly file: Uint8Array;
  readonly label: string;
}

type Recipe = Omit<TrainingJob, "network" | "examples">;

/** The same training in Node. */
async function trainInNode(
  network: string,
  pictures: readonly Labelled[],
  { seed, ...finetune }: Recipe,
): Promise<Trained> {
  const classes = [...new Set(pictures.map(({ label }) => label))].sort();
  const sources = pixelImages(
    pictures.map(
      ({ file }) =>
        () =>
          decodeImage(file),
    ),
  );
  return trainIn(
    webEnvironment({ halfPrecision: true }),
    {
      classes,
      examples: pictures.map(({ label }, place) => ({ label: classes.indexOf(label), source: sources[place]! })),
    },
    {
      ...{ seed, finetune, classWeights: "none", effort: "quick", test: "none" },
      network: await openNetwork(network, { preprocessing: "inception" }),
    },
  );
}

/** How far the parameters of two models are apart, at most; all have the same names and sizes. */
function parametersApart(a: Model, b: Model): number {
  expect([...a.graph.initializers.keys()]).toEqual([...b.graph.initializers.keys()]);
  let most = 0;
  for (const [name, tensor] of a.graph.initializers) {
    if (tensor.type !== "float32") continue;
    const [own, other] = [asFloat32(tensor), asFloat32(b.graph.initializers.get(name)!)];
    own.forEach((value, i) => {
      most = Math.max(most, Math.abs(value - other[i]!));
    });
  }
  return most;
}

/** The parameters that differ between a network and a model made of it. */
function changed(network: Model, artifact: Model): string[] {
  return [...network.graph.initializers].flatMap(([name, { bytes }]) => {
    const own = artifact.graph.initializers.get(`backbone/${name}`)?.bytes;
    return own && Buffer.compare(own, bytes) !== 0 ? [name] : [];
  });
}

describe.skipIf(browserNote !== "")(`training in a page${browserNote}`, () => {
  const work = temporaryFolder();
  process.env.GRAFT_CACHE = join(work, "cache");
  let browser: Browser;
  let folder: string;
  const sites: Site[] = [];
  const tiny = join(work, "tiny.onnx");
  const shapes: Labelled[] = [];
  const stripes: Labelled[] = [];

  beforeAll(async () => {
    [browser, folder] = await Promise.all([
      launchChromium(),
      bundlePage(fileURLToPath(new URL("page", import.meta.url))),
    ]);
    writeFileSync(tiny, tinyNetwork(3, 1));
    for (let i = 0; i < 36; i++) {
      const label = shapeNames[i % 3]!;
      shapes.push({ file: await encode(drawShape(label, 40 + (i % 5), 36, i), "png"), label });
    }
    for (let i = 0; i < 90; i++)
      stripes.push({ file: await encode(drawStripes((i % 3) * 1.05, 40 + (i % 5), 36, i), "png"), label: `${i % 3}` });
  });
  afterAll(async () => {
    await browser?.close();
    for (const site of sites) await site.close();
  });

  /** A page of a site of its own, which has a network and images. */
  async function pageWith(network: string, pictures: readonly Labelled[], by: Browser) {
    const site = await serveSite(folder);
    sites.push(site);
    site.put("/network.onnx", network);
    const addresses = pictures.map(({ file }, i) => {
      site.put(`/${i}`, file);
      return `/${i}`;
    });
    const page = await by.newPage();
    page.setDefaultTimeout(120_000);
    await page.goto(site.origin);
    return { page, addresses };
  }

  /** Trains in a page of its own, and asks the trained model about the first image. */
  async function trainInPage(network: string, pictures: readonly Labelled[], recipe: Recipe) {
    const { page, addresses } = await pageWith(network, pictures, browser);
    const examples = addresses.map((address, i) => ({ address, label: pictures[i]!.label }));
    const trained = await call(page, "train", { network: "/network.onnx", examples, ...recipe });
    const [answer] = await call(page, "predict", ["/0"]);
    await page.close();
    return { ...trained, answer: answer!, model: Buffer.from(trained.model, "base64") };
  }

  /**
   * Takes steps in a page of its own and in Node; returns the losses, and how far the weights are apart: at most, and as a share
   * of how far they moved. Some weights of a large network are apart by as much as they moved: AdamW divides each gradient by
   * its own size, so that one which is all rounding may move its weight as much as any other.
   */
  async function stepBoth(
    network: string,
    pictures: readonly Labelled[],
    said: Omit<StepsJob, "labels">,
    { by = browser, ...engine }: EngineOptions & { readonly by?: Browser } = {},
  ) {
    const classes = [...new Set(pictures.map(({ label }) => label))];
    const job = { ...said, labels: pictures.map(({ label }) => classes.indexOf(label)) };
    const { page, addresses } = await pageWith(network, pictures, by);
    const inPage = await call(page, "steps", "/network.onnx", addresses, job, engine);
    await page.close();
    const opened = await openNetwork(network, { preprocessing: "inception" });
    const decoders = pictures.map(
      ({ file }) =>
        () =>
          decodeImage(file),
    );
    const inNode = await takeSteps(opened, decoders, job);
    expect(Object.keys(inPage.weights)).toEqual([...inNode.weights.keys()]);
    let [apart, squares, movedSquares] = [0, 0, 0];
    for (const [name, own] of inNode.weights) {
      const bytes = Buffer.from(inPage.weights[name]!, "base64");
      const theirs = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
      expect(theirs).toHaveLength(own.length);
      const begin = inNode.begin.get(name)!;
      own.forEach((value, i) => {
        apart = Math.max(apart, Math.abs(value - theirs[i]!));
        squares += (value - theirs[i]!) ** 2;
        movedSquares += (value - begin[i]!) ** 2;
      });
    }
    const lossesApart = Math.max(...inNode.losses.map((loss, i) => Math.abs(loss - inPage.losses[i]!)));
    return { losses: inPage.losses, apart, apartOfMoved: Math.sqrt(squares / movedSquares), lossesApart };
  }

  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  /** Steps of a dozen batches over the shapes. */
  const steps = { steps: 12, batch: 9, learningRate: 1e-2, stored: "float16" } as const;

  test("a head and one stage learn step by step, and have Node's weights", async () => {
    const { losses, apart, lossesApart } = await stepBoth(tiny, shapes, steps);
    expect(mean(losses.slice(-3))).toBeLessThan(0.8 * losses[0]!);
    expect(lossesApart).toBeLessThan(1e-4);
    expect(apart).toBeLessThan(1e-4);
  });

  test("the same steps on WebGPU", async () => {
    const withGpu = await launchChromium("software");
    try {
      const few = { ...steps, steps: 3, stored: "float32" } as const;
      const there = { by: withGpu, device: "webgpu" } as const;
      const { apartOfMoved, lossesApart } = await stepBoth(tiny, shapes.slice(0, 18), few, there);
      expect(lossesApart).toBeLessThan(1e-3);
      expect(apartOfMoved).toBeLessThan(1e-2);
    } finally {
      await withGpu.close();
    }
  });

  test("a whole training, from images to a model.onnx, is Node's; what was frozen is unchanged", async () => {
    const recipe: Recipe = { unfreeze: 1, epochs: 10, batch: 8, learningRate: 1e-3, augment: "none", seed: 5 };
    const node = await trainInNode(tiny, stripes, recipe);
    const page = await trainInPage(tiny, stripes, recipe);
    expect(page.engine.device).toBe("wasm");
    expect(page.history).toHaveLength(node.finetune!.history.length);
    // Both begin alike. The rounding of two builds of ONNX Runtime then grows with AdamW's steps and shrinks with its rate.
    page.history.forEach(({ loss, validationLogLoss }, epoch) => {
      const own = node.finetune!.history[epoch]!;
      const apart = Math.max(Math.abs(loss - own.loss), Math.abs(validationLogLoss - own.validationLogLoss));
      expect(apart).toBeLessThan(epoch === 0 ? 2e-4 : 5e-3);
    });
    expect(page.bestEpoch).toBeGreaterThan(0);
    expect(page.bestEpoch).toBe(node.finetune!.bestEpoch);
    expect(page.accuracy).toBe(node.validation.evaluation.accuracy);
    const artifact = decodeModel(page.model, "the page's model");
    // After a hundred steps of two builds of the engine, weights cannot be close, but predictions can.
    expect(parametersApart(artifact, node.artifact)).toBeLessThan(5e-2);
    expect(changed(decodeModel(readFileSync(tiny), tiny), artifact)).toEqual(["again/w"]);
    expect(page.stages).toEqual(expect.arrayContaining(["Reading features", "Fitting the head"]));
    expect(page.notes.join("\n")).toMatch(/runs once for one view of each of 90 images/);
    expect(page.breaths).toBeGreaterThan(10);

    // What was trained in the page is a model.onnx like any other.
    const path = join(work, "page.onnx");
    writeFileSync(path, page.model);
    const opened = await openArtifact(path);
    const { probabilities } = await opened.predict(await decodeImage(stripes[0]!.file));
    await opened.close();
    page.answer.probabilities.forEach((probability, i) => {
      expect(probability).toBeCloseTo(probabilities[i]!, 4);
    });
  });

  test("augmented views and mixed examples are Node's too", async () => {
    const strong: Recipe = { unfreeze: 1, epochs: 2, batch: 9, learningRate: 1e-3, augment: "strong", seed: 2 };
    const node = await trainInNode(tiny, shapes, strong);
    const page = await trainInPage(tiny, shapes, strong);
    expect(page.notes.join("\n")).toMatch(/runs once for 2 views of each of 36 images/);
    page.history.forEach(({ loss }, epoch) => {
      expect(loss).toBeCloseTo(node.finetune!.history[epoch]!.loss, 3);
    });
  });

  describe.skipIf(!present)(
    present ? "a real network, MobileNetV2 on signs" : "a real network (skipped: ../shared is absent)",
    () => {
      test("learns step by step, and has Node's weights", async () => {
        const pictures: Labelled[] = [];
        // As PNG, so that Node and the page see the same pixels whatever their JPEG decoders do.
        for (const label of ["1", "2", "7"])
          for (const name of readdirSync(join(signs, label)).slice(0, 8))
            pictures.push({
              file: await sharp(join(signs, label, name))
                .png()
                .toBuffer(),
              label,
            });
        const said = { steps: 9, batch: 8, learningRate: 5e-4, stored: "float32" } as const;
        const few = await stepBoth(mobilenet, pictures, { ...said, steps: 3 });
        expect(few.lossesApart).toBeLessThan(1e-4);
        expect(few.apart).toBeLessThan(1e-3);
        const { losses, lossesApart } = await stepBoth(mobilenet, pictures, said);
        expect(mean(losses.slice(-3))).toBeLessThan(0.7 * losses[0]!);
        expect(lossesApart).toBeLessThan(1e-2);
      });
    },
  );
});
