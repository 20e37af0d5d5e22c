/** The artifact needs nothing of Graft: plain onnxruntime-node on plain pixels gives what `graft predict` gives. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ort from "onnxruntime-node";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { graftJson, graftPredict, temporaryFolder } from "./support/cli.ts";
import { FEATURES, tinyNetwork } from "./support/network.ts";
import { drawShape, encode, type Pixels, shapeNames, writeShapes } from "./support/pictures.ts";

interface Answer {
  readonly path: string;
  readonly label: string;
  readonly top: readonly { label: string; probability: number }[];
}

const work = temporaryFolder();
const cache = join(work, "cache");

/** The pixels of an image that needs no conversion: RGB, 8 bits, upright. */
async function pixelsOf(path: string): Promise<Pixels> {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  expect(info.channels).toBe(3);
  return { width: info.width, height: info.height, data };
}

/** Runs images of one size through the model; returns each output as `[N][…]`. */
async function ask(session: ort.InferenceSession, pictures: readonly Pixels[]): Promise<Record<string, number[][]>> {
  const { width, height } = pictures[0]!;
  const data = new Uint8Array(pictures.length * width * height * 3);
  pictures.forEach((picture, i) => {
    data.set(picture.data, i * width * height * 3);
  });
  const outputs = await session.run({ image: new ort.Tensor("uint8", data, [pictures.length, height, width, 3]) });
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data: values }]) => {
      const size = values.length / pictures.length;
      const rows = pictures.map((_, i) => [...(values as Float32Array).subarray(i * size, (i + 1) * size)]);
      return [name, rows];
    }),
  );
}

const largestDifference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

/** The classes in the model's file, in order: the labels sorted as Graft numbers them. */
const inClassOrder = ({ top }: Answer): number[] =>
  top.toSorted((a, b) => (a.label < b.label ? -1 : 1)).map(({ probability }) => probability);

async function expectSameAsPredict(model: string, folder: string, classes: number): Promise<void> {
  const answers = await graftPredict<Answer>([model, folder, "--top", String(classes)], cache);
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  for (const answer of answers) {
    const own = (await ask(session, [await pixelsOf(answer.path)])).probabilities![0]!;
    const graft = inClassOrder(answer);
    expect(graft).toHaveLength(classes);
    expect(largestDifference(own, graft), answer.path).toBeLessThanOrEqual(1e-4);
    expect(own.indexOf(Math.max(...own))).toBe(graft.indexOf(Math.max(...graft)));
  }
  await session.release();
}

describe("a trained model.onnx in plain ONNX Runtime", () => {
  const model = join(work, "out", "model.onnx");
  const sizes = join(work, "sizes");

  beforeAll(async () => {
    const network = join(work, "tiny.onnx");
    writeFileSync(network, tinyNetwork());
    const pictures = await writeShapes(join(work, "shapes"), { circle: 12, square: 12, triangle: 12 });
    const options = ["--network", network, "--preprocessing", "imagenet", "--out", join(work, "out")];
    await graftJson(["train", pictures, ...options], cache);
    mkdirSync(sizes);
    const tries: [number, number][] = [
      [1, 1],
      [7, 90],
      [32, 32],
      [33, 31],
      [640, 480],
      [1500, 20],
    ];
    for (const [index, [width, height]] of tries.entries()) {
      const picture = drawShape(shapeNames[index % 3]!, width, height, index);
      writeFileSync(join(sizes, `${width}x${height}.png`), await encode(picture, "png"));
    }
  });

  test("gives what graft predict gives, for images of any size", () => expectSameAsPredict(model, sizes, 3));

  test("takes a batch, each image on its own", async () => {
    const session = await ort.InferenceSession.create(model);
    const pictures = [drawShape("circle", 50, 41, 1), drawShape("triangle", 50, 41, 2)];
    const together = await ask(session, pictures);
    for (const [i, picture] of pictures.entries()) {
      const alone = await ask(session, [picture]);
      for (const name of session.outputNames) {
        expect(largestDifference(together[name]![i]!, alone[name]![0]!), name).toBeLessThanOrEqual(1e-4);
      }
    }
    await session.release();
  });

  test("says what it takes and gives, and its outputs belong together", async () => {
    const session = await ort.InferenceSession.create(model);
    expect(session.inputNames).toEqual(["image"]);
    expect([...session.outputNames].sort()).toEqual(["features", "logits", "novelty", "probabilities"]);
    const [input] = session.inputMetadata;
    expect(input).toMatchObject({ isTensor: true, type: "uint8", shape: ["N", "H", "W", 3] });
    const { features, logits, novelty, probabilities } = await ask(session, [drawShape("square", 60, 60, 3)]);
    expect(novelty![0]).toHaveLength(1);
    expect(Number.isFinite(novelty![0]![0])).toBe(true);
    expect(features![0]).toHaveLength(FEATURES);
    expect(probabilities![0]!.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5);
    expect(logits![0]!.indexOf(Math.max(...logits![0]!))).toBe(
      probabilities![0]!.indexOf(Math.max(...probabilities![0]!)),
    );
    await session.release();
  });
});

const shared = fileURLToPath(new URL("../../shared/", import.meta.url));
const mobilenet = join(shared, "networks/mobilenet_v2_100_224.onnx");
const flowers = join(shared, "datasets/flowers/train");
const present = existsSync(mobilenet) && existsSync(flowers);

describe.skipIf(!present)(
  present ? "a real network, MobileNetV2 on flowers" : "a real network (skipped: ../shared is absent)",
  () => {
    test("gives what graft predict gives", async () => {
      const few = join(work, "flowers.csv");
      const rows = readdirSync(flowers).flatMap((label) =>
        readdirSync(join(flowers, label))
          .sort()
          .slice(0, 8)
          .map((file) => `${join(flowers, label, file)},${label}`),
      );
      writeFileSync(few, `path,label\n${rows.join("\n")}\n`);
      const out = join(work, "flowers");
      const options = ["--network", mobilenet, "--preprocessing", "inception", "--out", out];
      const { classes } = await graftJson<{ classes: string[] }>(["train", few, ...options], cache);
      const asked = join(work, "asked");
      mkdirSync(asked);
      for (const [i, row] of rows.filter((_, index) => index % 6 === 0).entries()) {
        await sharp(row.split(",")[0]!)
          .removeAlpha()
          .png()
          .toFile(join(asked, `${i}.png`));
      }
      await expectSameAsPredict(join(out, "model.onnx"), asked, classes.length);
    });
  },
);
