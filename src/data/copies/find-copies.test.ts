import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../base/random.ts";
import { findCopies, type KnownCopies, type LinksAmong } from "./find-copies.ts";
import { type Signature, signatureOf, smallOf } from "./signature.ts";

const SIDE = 96;

/** A synthetic image: a few coloured waves. */
function drawWaves(seed: number): Sharp {
  const random = createRandom(seed);
  const waves = Array.from({ length: 12 }, () => ({
    ...{ across: 0.4 * (random.next() - 0.5), down: 0.4 * (random.next() - 0.5), phase: 6 * random.next() },
    colour: [random.next(), random.next(), random.next()],
  }));
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % SIDE, Math.floor(i / (3 * SIDE)), i % 3];
    const sum = waves.reduce(
      (total, { across, down, phase, colour }) => total + colour[c]! * Math.sin(x * across + y * down + phase),
      0,
    );
    return Math.max(0, Math.min(255, Math.round(128 + 28 * sum)));
  });
  return sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } }).png();
}

async function signed(image: Sharp): Promise<Signature> {
  const { data, info } = await sharp(await image.toBuffer())
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return signatureOf(smallOf({ width: info.width, height: info.height, data }));
}

const changes: Readonly<Record<string, (image: Sharp) => Sharp>> = {
  "made smaller": (image) => image.resize(41, 41),
  "made larger": (image) => image.resize(150, 150),
  recompressed: (image) => image.jpeg({ quality: 60 }),
  mirrored: (image) => image.flop(),
  "turned upside down": (image) => image.rotate(180),
  cropped: (image) => image.extract({ left: 6, top: 9, width: 80, height: 80 }),
  "made brighter": (image) => image.linear(1.15, 12),
};

describe("copies", () => {
  it.each(Object.keys(changes))("%s are found, and no other image joins them", async (change) => {
    const others = await Promise.all(Array.from({ length: 6 }, (_, i) => signed(drawWaves(100 + i))));
    for (let seed = 1; seed <= 6; seed++) {
      const pair = [await signed(drawWaves(seed)), await signed(changes[change]!(drawWaves(seed)))];
      const signatures = [pair[0]!, ...others, pair[1]!];
      const { groups } = await findCopies(signatures.map((signature, i) => ({ digest: String(i), signature })));
      expect(groups).toEqual([[0, signatures.length - 1]]);
    }
  });

  it("of one file are found whatever they show, even nothing", async () => {
    const blank = { colour: new Uint8Array(16 * 16 * 3).fill(7), detail: new Uint8Array(64 * 64).fill(7) };
    const files = ["x", "y", "x", "z", "y"].map((digest) => ({ digest, signature: blank }));
    expect((await findCopies(files)).groups).toEqual([
      [0, 2],
      [1, 4],
    ]);
  });

  it("among hundreds of images take a few comparisons each, not all pairs", async () => {
    const signature = await signed(drawWaves(1));
    const random = createRandom(1);
    const noisy = (values: Uint8Array): Uint8Array =>
      values.map((value) => Math.max(0, Math.min(255, value + random.below(3) - 1)));
    const images = Array.from({ length: 400 }, (_, i) => ({
      digest: String(i),
      signature: { colour: noisy(signature.colour), detail: noisy(signature.detail) },
    }));
    const { groups, compared } = await findCopies(images);
    expect(groups.map((group) => group.length)).toEqual([400]);
    expect(compared).toBeLessThan(10 * images.length);
  });

  it("are searched once: the same files in another order have the same links", async () => {
    const [one, other] = [await signed(drawWaves(1)), await signed(drawWaves(2))];
    const images = [one, other, one, other, one].map((signature, i) => ({ digest: "edbca"[i]!, signature }));
    const kept = new Map<string, LinksAmong>();
    let searches = 0;
    const known: KnownCopies = {
      read: async (digests) => kept.get(digests.join()),
      write: async (digests, found) => {
        searches++;
        kept.set(digests.join(), found);
      },
    };
    const groups = async (order: readonly number[]): Promise<string[]> =>
      (
        await findCopies(
          order.map((i) => images[i]!),
          { known },
        )
      ).groups
        .map((group) =>
          group
            .map((at) => images[order[at]!]!.digest)
            .sort()
            .join(""),
        )
        .sort();
    expect(await groups([0, 1, 2, 3, 4])).toEqual(["abe", "cd"]);
    expect(await groups([3, 1, 4, 0, 2])).toEqual(["abe", "cd"]);
    expect(searches).toBe(1);
    expect(await groups([3, 1, 4])).toEqual(["cd"]);
    expect(searches).toBe(2);
  });

  it("stop when the signal is aborted", async () => {
    const signature = await signed(drawWaves(1));
    const images = Array.from({ length: 3 }, (_, i) => ({ digest: String(i), signature }));
    await expect(findCopies(images, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});
