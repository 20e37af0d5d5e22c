import fc from "fast-check";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../base/random.ts";
import { measureTraits } from "../traits/traits.ts";
import { COPY_LIKENESS, findCopies } from "./search.ts";
import { likeness, printOf } from "./signature.ts";

const SIDE = 64;

/** A made-up photograph: a few coloured waves. */
function drawWaves(seed: number): Uint8Array {
  const random = createRandom(seed);
  const waves = Array.from({ length: 7 }, () => ({
    across: 0.25 * (random.next() - 0.5),
    down: 0.25 * (random.next() - 0.5),
    phase: 6 * random.next(),
    colour: [random.next(), random.next(), random.next()],
  }));
  return Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % SIDE, Math.floor(i / (3 * SIDE)), i % 3];
    const sum = waves.reduce(
      (total, { across, down, phase, colour }) => total + colour[c]! * Math.sin(x * across + y * down + phase),
      0,
    );
    return Math.max(0, Math.min(255, Math.round(128 + 35 * sum)));
  });
}

const raw = { raw: { width: SIDE, height: SIDE, channels: 3 } } as const;

async function signatureOf(picture: Sharp): Promise<Uint8Array> {
  const { data, info } = await sharp(await picture.toBuffer())
    .raw()
    .toBuffer({ resolveWithObject: true });
  return (await measureTraits({ width: info.width, height: info.height, data }, data)).signature;
}

const original = (seed: number): Sharp => sharp(drawWaves(seed), raw).png();

const changes: Readonly<Record<string, (picture: Sharp) => Sharp>> = {
  "made smaller": (picture) => picture.resize(41, 41).png(),
  "made larger": (picture) => picture.resize(150, 150).png(),
  recompressed: (picture) => picture.jpeg({ quality: 60 }),
  mirrored: (picture) => picture.flop().png(),
};

describe("copies", () => {
  it.each(Object.keys(changes))("%s are found", async (change) => {
    for (let seed = 1; seed <= 12; seed++) {
      const [a, b] = [await signatureOf(original(seed)), await signatureOf(changes[change]!(original(seed)))];
      expect(likeness(printOf(a), printOf(b))).toBeGreaterThan(COPY_LIKENESS);
      const { groups } = findCopies([
        { sha256: "a", signature: a },
        { sha256: "other", signature: await signatureOf(original(100 + seed)) },
        { sha256: "b", signature: b },
      ]);
      expect(groups).toEqual([[0, 2]]);
    }
  });

  it("of one file are found whatever is on them, even nothing", () => {
    const blank = new Uint8Array(16 * 16 * 3).fill(7);
    const files = ["x", "y", "x", "z", "y"].map((sha256) => ({ sha256, signature: blank }));
    expect(findCopies(files).groups).toEqual([
      [0, 2],
      [1, 4],
    ]);
  });

  it("in thousands cost a comparison each, not each with each", async () => {
    const signature = await signatureOf(original(1));
    const random = createRandom(1);
    const pictures = Array.from({ length: 3000 }, (_, i) => ({
      sha256: String(i),
      signature: signature.map((value) => Math.max(0, Math.min(255, value + random.below(3) - 1))),
    }));
    const { groups, compared } = findCopies(pictures);
    expect(groups.map((group) => group.length)).toEqual([3000]);
    expect(compared).toBeLessThan(10 * pictures.length);
  });

  it("mirroring twice changes nothing, and likeness is the same either way around", () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), (one, other) => {
        const [a, b] = [one, other].map((seed) => {
          const random = createRandom(seed);
          return printOf(Uint8Array.from({ length: 768 }, () => random.below(256)));
        }) as [ReturnType<typeof printOf>, ReturnType<typeof printOf>];
        expect(printOf(a.mirrored).mirrored).toEqual(a.signature);
        expect(printOf(a.mirrored).coarse).toEqual(a.coarseMirrored);
        expect(likeness(a, b)).toBeCloseTo(likeness(b, a), 12);
      }),
      { seed: 1, numRuns: 50 },
    );
  });
});
