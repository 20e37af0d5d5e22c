/** Compares rendering with Pillow and torchvision (bench/reference/augmentations.py), and checks properties of every view. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type View, wholeView } from "./augmentation-plan.ts";
import { rendererOf, renderView } from "./render.ts";
import { levelFor, pyramidOf } from "./resample.ts";
import { drawn, noise, plain } from "./testing.ts";

interface Golden {
  readonly width: number;
  readonly height: number;
  readonly size: number;
  readonly view: View;
  readonly step: number;
  readonly bytes: string;
}

const golden: Readonly<Record<"crop" | "rotate" | "colour", readonly Golden[]>> = JSON.parse(
  readFileSync(new URL("fixtures/augmentations.json", import.meta.url), "utf8"),
);

/** Differences from the reference, in grey levels. */
function differences({ width, height, size, view, step, bytes }: Golden): number[] {
  const { data } = renderView(drawn(width, height), view, size);
  expect(data.length).toBe(size * size * 3);
  const wanted = Buffer.from(bytes, "base64");
  expect(wanted.length).toBe(Math.ceil(data.length / step));
  return Array.from(wanted, (value, i) => Math.abs(data[i * step]! - value));
}

const named = (cases: readonly Golden[]) =>
  cases.map((one) => [JSON.stringify([one.width, one.height, one.size, one.view]), one] as const);

describe("a view equals the reference", () => {
  it.each(named(golden.crop))("Pillow's crop and resize: %s", (_, one) => {
    const found = differences(one);
    // Pillow rounds between its two passes, which changes some values by one.
    expect(Math.max(...found)).toBeLessThanOrEqual(1);
    expect(found.filter((error) => error > 0).length / found.length).toBeLessThanOrEqual(0.25);
  });

  it.each(named([...golden.rotate, ...golden.colour]))("torchvision's: %s", (_, one) => {
    const found = differences(one);
    expect(Math.max(...found)).toBeLessThanOrEqual(1);
    expect(found.filter((error) => error > 0).length / found.length).toBeLessThanOrEqual(0.01);
  });
});

/** Any view of an image of this size. */
const viewsOn = (width: number, height: number): fc.Arbitrary<View> => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const box = fc.tuple(share, share, share, share).map(([left, top, wide, high]) => ({
    left: left * 0.9,
    top: top * 0.9,
    width: (1 - left * 0.9) * (0.05 + 0.95 * wide),
    height: (1 - top * 0.9) * (0.05 + 0.95 * high),
  }));
  const factor = fc.double({ min: 0, max: 2, noNaN: true });
  return fc.record({
    crop: box.map((of) => ({
      left: of.left * width,
      top: of.top * height,
      width: of.width * width,
      height: of.height * height,
    })),
    flip: fc.boolean(),
    degrees: fc.oneof(fc.constant(0), fc.double({ min: -180, max: 180, noNaN: true })),
    colour: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constantFrom("brightness", "contrast", "saturation"), factor }),
        fc.record({ kind: fc.constant("hue" as const), turns: fc.double({ min: -0.5, max: 0.5, noNaN: true }) }),
      ) as fc.Arbitrary<View["colour"][number]>,
      { maxLength: 4 },
    ),
    erased: fc.array(box, { maxLength: 2 }),
  });
};

const sides = fc.integer({ min: 1, max: 70 });
const sizes = fc.integer({ min: 1, max: 40 });
const anyView = fc
  .tuple(sides, sides)
  .chain(([width, height]) => fc.tuple(fc.constant(width), fc.constant(height), viewsOn(width, height), sizes));

describe("every view", () => {
  it("has the requested size, and is the same when stored and rendered again after other views", () => {
    fc.assert(
      fc.property(anyView, fc.nat(), ([width, height, view, size], seed) => {
        const image = noise(width, height, seed);
        const first = renderView(image, view, size);
        expect([first.width, first.height, first.data.length]).toEqual([size, size, size * size * 3]);
        const render = rendererOf(image);
        render(wholeView(image), 1);
        expect(render(JSON.parse(JSON.stringify(view)) as View, size).data).toEqual(first.data);
      }),
      { numRuns: 60 },
    );
  });

  it("of an image of one colour has that colour everywhere if colours do not change", () => {
    fc.assert(
      fc.property(anyView, ([width, height, view, size]) => {
        const { data } = renderView(plain(width, height, [12, 200, 77]), { ...view, colour: [] }, size);
        expect(data).toEqual(plain(size, size, [12, 200, 77]).data);
      }),
      { numRuns: 60 },
    );
  });

  it("without changes is the image itself", () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.boolean(), (size, seed, withSteps) => {
        const image = noise(size, size, seed);
        const colour: View["colour"] = [
          { kind: "brightness", factor: 1 },
          { kind: "contrast", factor: 1 },
          { kind: "saturation", factor: 1 },
          { kind: "hue", turns: 0 },
        ];
        const view = { ...wholeView(image), colour: withSteps ? colour : [] };
        expect(renderView(image, view, size).data).toEqual(image.data);
      }),
      { numRuns: 40 },
    );
  });

  it("that is flipped twice or rotated by 360 degrees is unchanged", () => {
    const image = noise(31, 31, 5);
    const flipped = renderView(image, { ...wholeView(image), flip: true }, 31);
    expect(flipped.data).not.toEqual(image.data);
    expect(renderView(flipped, { ...wholeView(flipped), flip: true }, 31).data).toEqual(image.data);
    expect(renderView(image, { ...wholeView(image), degrees: 360 }, 31).data).toEqual(image.data);
  });
});

describe("turning", () => {
  it("shows pixels around the crop, and the mean colour only outside of the image", () => {
    const image = plain(60, 60, [10, 20, 30]);
    // The crop's surroundings are red.
    for (let y = 0; y < 60; y++) {
      for (let x = 0; x < 60; x++) {
        if (Math.min(x, y, 59 - x, 59 - y) < 15) image.data.set([250, 0, 0], (y * 60 + x) * 3);
      }
    }
    const view: View = { ...wholeView(image), crop: { left: 15, top: 15, width: 30, height: 30 }, degrees: 45 };
    const { data } = renderView(image, view, 30);
    expect([...data.subarray(0, 3)]).toEqual([250, 0, 0]);
    expect([...data.subarray((15 * 30 + 15) * 3, (15 * 30 + 15) * 3 + 3)]).toEqual([10, 20, 30]);
  });

  it("of a flipped crop at the edge mirrors the opposite rotation", () => {
    const image = drawn(50, 40);
    const crop = { left: 0, top: 4, width: 30, height: 30 };
    const size = 30;
    const left = renderView(image, { ...wholeView(image), crop, degrees: 20 }, size);
    const right = renderView(image, { ...wholeView(image), crop, degrees: -20, flip: true }, size);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const [here, there] = [(y * size + x) * 3, (y * size + size - 1 - x) * 3];
        for (let c = 0; c < 3; c++)
          expect(Math.abs(left.data[here + c]! - right.data[there + c]!)).toBeLessThanOrEqual(1);
      }
    }
  });
});

it("erases with the mean colour of the view, and changes nothing else", () => {
  const image = noise(20, 20, 3);
  const view: View = { ...wholeView(image), erased: [{ left: 0.25, top: 0.5, width: 0.25, height: 0.3 }] };
  const { data } = renderView(image, view, 20);
  const mean = [0, 1, 2].map((c) => {
    const sum = image.data.reduce((total, value, i) => total + (i % 3 === c ? value : 0), 0);
    return Math.round(sum / 400);
  });
  data.forEach((value, i) => {
    const [x, y] = [Math.floor(i / 3) % 20, Math.floor(i / 60)];
    const isErased = x >= 5 && x < 10 && y >= 10 && y < 16;
    expect(value).toBe(isErased ? mean[i % 3] : image.data[i]);
  });
});

it.each([
  { left: -1, top: 0, width: 5, height: 5 },
  { left: 6, top: 0, width: 5, height: 5 },
  { left: 0, top: 0, width: 0, height: 5 },
  { left: 0, top: Number.NaN, width: 5, height: 5 },
])("refuses an invalid crop: %j", (crop) => {
  const image = noise(10, 10, 1);
  expect(() => renderView(image, { ...wholeView(image), crop }, 4)).toThrow(RangeError);
});

describe("the pyramid", () => {
  it("halves by means of 2 × 2 pixels, or of fewer at an odd edge", () => {
    const data = Uint8Array.from([0, 10, 20, 40, 50, 60, 99, 98, 97, 4, 2, 0, 8, 6, 4, 101, 102, 103]);
    const half = pyramidOf({ width: 3, height: 2, data })(1);
    expect([half.width, half.height]).toEqual([2, 1]);
    expect([...half.data]).toEqual([13, 17, 21, 100, 100, 100]);
  });

  it("is used only if 1.5 pixels remain for each pixel", () => {
    expect([0.5, 1, 2.9, 3, 5.9, 6, 12].map(levelFor)).toEqual([0, 0, 0, 1, 1, 2, 3]);
  });

  it("changes the view of a large image only slightly", () => {
    const image = drawn(400, 301);
    const size = 40;
    const crop = { left: 31, top: 17.5, width: 320, height: 270 };
    const quick = renderView(image, { ...wholeView(image), crop }, size);
    // The same crop in four quarters, each of them too small for a level.
    const errors: number[] = [];
    for (const [down, across] of [0, 1, 2, 3].map((i) => [i >> 1, i % 2] as const)) {
      const quarter = { left: 31 + across * 160, top: 17.5 + down * 135, width: 160, height: 135 };
      const whole = renderView(image, { ...wholeView(image), crop: quarter }, 60);
      const exact = renderView(whole, wholeView(whole), 20);
      for (let y = 2; y < 18; y++) {
        for (let x = 2; x < 18; x++) {
          for (let c = 0; c < 3; c++) {
            const here = quick.data[((down * 20 + y) * size + across * 20 + x) * 3 + c]!;
            errors.push(Math.abs(here - exact.data[(y * 20 + x) * 3 + c]!));
          }
        }
      }
    }
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(6);
  });
});
