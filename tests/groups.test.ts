/** Copies never decide an accuracy: they stay on one side of every split, or the report says how many do not. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../src/base/random.ts";
import { graft, graftJson, temporaryFolder } from "./support/cli.ts";
import { tinyNetwork } from "./support/network.ts";

interface Trained {
  readonly accuracy: { readonly test: number };
  readonly interval: readonly [number, number];
  readonly groups: { readonly count: number; readonly images: number; readonly largest: number };
  readonly straddling: { readonly images: number; readonly without?: { readonly accuracy: number } } | null;
}

const SIDE = 96;
const IMAGES = 60;
const work = temporaryFolder();
const cache = join(work, "cache");
const network = join(work, "tiny.onnx");

/** An image of coloured waves, different for each seed. */
function drawWaves(seed: number): Buffer {
  const random = createRandom(seed);
  const waves = Array.from({ length: 12 }, () => ({
    ...{ across: 0.5 * (random.next() - 0.5), down: 0.5 * (random.next() - 0.5), phase: 6 * random.next() },
    colour: [random.next(), random.next(), random.next()],
  }));
  return Buffer.from(
    Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
      const [x, y, c] = [Math.floor(i / 3) % SIDE, Math.floor(i / (3 * SIDE)), i % 3];
      const sum = waves.reduce(
        (total, { across, down, phase, colour }) => total + colour[c]! * Math.sin(x * across + y * down + phase),
        0,
      );
      return Math.max(0, Math.min(255, Math.round(128 + 28 * sum)));
    }),
  );
}

/** One image in a random class, with three more of it made by `copy`. */
async function writeImages(
  folder: string,
  copy: (original: Buffer, number: number, random: ReturnType<typeof createRandom>) => Promise<Buffer>,
): Promise<string> {
  const random = createRandom(7);
  for (const name of ["a", "b"]) mkdirSync(join(folder, name), { recursive: true });
  const sides = random.shuffle(Array.from({ length: IMAGES }, (_, i) => (i % 2 === 0 ? "a" : "b")));
  for (const [i, side] of sides.entries()) {
    const original = await sharp(drawWaves(i + 1), { raw: { width: SIDE, height: SIDE, channels: 3 } })
      .png()
      .toBuffer();
    writeFileSync(join(folder, side, `${i}.png`), original);
    for (let number = 0; number < 3; number++)
      writeFileSync(join(folder, side, `${i}-${number}.png`), await copy(original, number, random));
  }
  return folder;
}

/** As exports of augmented datasets do: mirrored, slightly rotated, cropped, lighter or darker. */
const augmented: Parameters<typeof writeImages>[1] = async (original, number, random) => {
  const crop = Math.round(SIDE * (0.82 + 0.1 * random.next()));
  const turned = await sharp(original)
    .flop(number === 1)
    .rotate(16 * (random.next() - 0.5), { background: "#000" })
    .png()
    .toBuffer();
  const { width = SIDE, height = SIDE } = await sharp(turned).metadata();
  return sharp(turned)
    .extract({
      left: Math.floor((width - crop) * (0.3 + 0.4 * random.next())),
      top: Math.floor((height - crop) * (0.3 + 0.4 * random.next())),
      width: crop,
      height: crop,
    })
    .modulate({ brightness: 0.85 + 0.3 * random.next() })
    .resize(SIDE, SIDE)
    .jpeg({ quality: 85 })
    .toBuffer();
};

const options = (out: string, ...more: string[]): string[] => [
  ...["--network", network, "--preprocessing", "imagenet", "--out", join(work, out), "--no-explain", ...more],
];

beforeAll(() => writeFileSync(network, tinyNetwork(1, 2)));

const containsChance = ({ interval }: Trained): void => {
  expect(interval[0]).toBeLessThanOrEqual(0.5);
  expect(interval[1]).toBeGreaterThanOrEqual(0.5);
};

describe("images at random in two classes, each with three copies", () => {
  test.each([
    ["augmented", augmented],
    ["byte for byte", async (original: Buffer) => original],
  ] as const)("%s: a head is as good as chance", async (name, copy) => {
    const data = await writeImages(join(work, name), copy);
    const trained = await graftJson<Trained>(["train", data, ...options(`${name}-out`), "--json"], cache);
    containsChance(trained);
    expect(trained.groups.largest).toBeLessThanOrEqual(8);
    expect(trained.groups.images).toBeGreaterThanOrEqual(0.9 * 4 * IMAGES);
  });

  test("and so is a fine-tuned network", async () => {
    const data = join(work, "augmented");
    const more = ["--unfreeze", "all", "--epochs", "4", "--json"];
    containsChance(await graftJson<Trained>(["train", data, ...options("tuned-out"), ...more], cache));
  });
});

test("copies in a test folder are counted, and the accuracy without them is given", async () => {
  const data = join(work, "byte for byte");
  const folder = join(work, "own-test");
  for (const name of ["a", "b"]) mkdirSync(join(folder, name), { recursive: true });
  for (const i of [0, 1, 2, 3]) {
    const made = await sharp(drawWaves(1000 + i), { raw: { width: SIDE, height: SIDE, channels: 3 } })
      .png()
      .toBuffer();
    writeFileSync(join(folder, i % 2 === 0 ? "a" : "b", `new-${i}.png`), made);
  }
  for (const name of readdirSync(join(data, "a")).slice(0, 5))
    copyFileSync(join(data, "a", name), join(folder, "a", name));
  const args = ["train", data, "--test", folder, ...options("own-test-out")];
  const { straddling } = await graftJson<Trained>([...args, "--json"], cache);
  expect(straddling?.images).toBe(5);
  expect(straddling?.without).toMatchObject({ examples: 4 });
  const { stdout } = await graft(args, cache);
  expect(stdout).toContain("5 of the test images have a copy among the training or validation images.");
});

describe("what an accuracy is measured on", () => {
  const parted = join(work, "parted");
  const model = join(work, "byte for byte-out", "model.onnx");

  beforeAll(() => {
    for (const name of ["a", "b"]) {
      mkdirSync(join(parted, "train", name), { recursive: true });
      for (const file of readdirSync(join(work, "byte for byte", name)).slice(0, 6))
        copyFileSync(join(work, "byte for byte", name, file), join(parted, "train", name, file));
    }
  });

  test("evaluate says where only training images are there", async () => {
    const { stdout, code } = await graft(["evaluate", model, parted], cache);
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toContain("These are the images of a training split");
    expect(await graftJson<{ part: string }>(["evaluate", model, parted, "--json"], cache)).toMatchObject({
      part: "train",
    });
  });

  test("evaluate takes the validation part where there is no test part", async () => {
    mkdirSync(join(parted, "val", "a"), { recursive: true });
    const [file] = readdirSync(join(parted, "train", "a"));
    copyFileSync(join(parted, "train", "a", file!), join(parted, "val", "a", file!));
    const judged = await graftJson<{ part: string; examples: number }>(["evaluate", model, parted, "--json"], cache);
    expect(judged).toMatchObject({ part: "validation", examples: 1 });
  });

  test("the training folder is no test folder", async () => {
    const data = join(work, "byte for byte");
    const { stderr, code } = await graft(["train", data, "--test", data, ...options("never")], cache);
    expect(code).toBe(3);
    expect(stderr).toMatch(/240 of the 240 images of the test folder .* are training images/);
  });

  test("too few images are refused before any work", async () => {
    const few = join(work, "few");
    for (const name of ["a", "b"]) {
      mkdirSync(join(few, name), { recursive: true });
      for (const file of readdirSync(join(parted, "train", name)).slice(0, 2))
        copyFileSync(join(parted, "train", name, file), join(few, name, file));
    }
    const args = (out: string, ...more: string[]): string[] => ["train", few, ...options(out, ...more)];
    const { stderr, code } = await graft(args("never"), cache);
    expect(code).toBe(3);
    expect(stderr).toContain("No class has 3 images, so that none can be held out for the test");
    const tuning = ["--test", join(work, "own-test"), "--unfreeze", "all"];
    expect((await graft(args("never", ...tuning), cache)).stderr).toContain("no class has 3 images");
  });
});
