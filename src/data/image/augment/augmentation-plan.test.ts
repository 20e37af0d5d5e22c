/** Drawing views: the limits of policies, and the same result for the same seed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../../base/random.ts";
import {
  type AugmentationName,
  augmentationFor,
  augmentations,
  type Frame,
  planView,
  wholeView,
} from "./augmentation-plan.ts";
import { viewsOf } from "./render.ts";
import { noise } from "./testing.ts";

const sides = fc.integer({ min: 1, max: 3000 });
const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.constant({ kind: "stretch" } as const),
  fc.record({ kind: fc.constant("crop" as const), fraction: fc.double({ min: 0.1, max: 1, noNaN: true }) }),
);
const names = Object.keys(augmentations) as AugmentationName[];

describe("planView", () => {
  it("draws within the policy and the image, the same for the same seed", () => {
    fc.assert(
      fc.property(sides, sides, frames, fc.constantFrom(...names), fc.integer(), (width, height, frame, name, seed) => {
        const policy = augmentations[name];
        const view = planView(policy, { width, height }, frame, createRandom(seed));
        expect(planView(policy, { width, height }, frame, createRandom(seed))).toEqual(view);
        expect(JSON.parse(JSON.stringify(view))).toEqual(view);
        const { crop } = view;
        expect(Math.min(crop.left, crop.top)).toBeGreaterThanOrEqual(0);
        expect(Math.min(crop.width, crop.height)).toBeGreaterThan(0);
        expect(crop.left + crop.width).toBeLessThanOrEqual(width + 1e-6);
        expect(crop.top + crop.height).toBeLessThanOrEqual(height + 1e-6);
        expect(Math.abs(view.degrees)).toBeLessThanOrEqual(policy.degrees);
        for (const step of view.colour) {
          if (step.kind === "hue") expect(Math.abs(step.turns)).toBeLessThanOrEqual(policy.colour.hue);
          else expect(Math.abs(step.factor - 1)).toBeLessThanOrEqual(policy.colour[step.kind] + 1e-12);
        }
        for (const box of view.erased) {
          expect(Math.min(box.left, box.top)).toBeGreaterThanOrEqual(0);
          expect(Math.max(box.left + box.width, box.top + box.height)).toBeLessThanOrEqual(1 + 1e-12);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("returns the view of the preprocessing if nothing varies", () => {
    const image = { width: 300, height: 200 };
    const plan = (frame: Frame) => planView(augmentations.none, image, frame, createRandom(1));
    expect(plan({ kind: "stretch" })).toEqual(wholeView(image));
    const crop = { left: 70, top: 20, width: 160, height: 160 };
    expect(plan({ kind: "crop", fraction: 0.8 })).toEqual({ ...wholeView(image), crop });
  });

  it("uses the whole range that the policy allows", () => {
    const image = { width: 400, height: 300 };
    const random = createRandom(4);
    const { strong } = augmentations;
    const views = Array.from({ length: 2000 }, () => planView(strong, image, { kind: "stretch" }, random));
    const shareOf = (of: readonly boolean[]): number => of.filter(Boolean).length / of.length;
    expect(shareOf(views.map(({ flip }) => flip))).toBeCloseTo(0.5, 1);
    expect(shareOf(views.map(({ erased }) => erased.length > 0))).toBeCloseTo(0.25, 1);
    const areas = views.map(({ crop }) => (crop.width * crop.height) / (400 * 300)).sort((a, b) => a - b);
    expect(areas[0]).toBeLessThan(0.32);
    expect(areas.at(-1)).toBeGreaterThan(0.95);
    // Relative to the image's shape, which a stretching network changes to a square.
    const ratios = views.map(({ crop }) => crop.width / crop.height / (400 / 300));
    expect(Math.min(...ratios)).toBeGreaterThanOrEqual(Math.SQRT1_2 - 1e-9);
    expect(Math.max(...ratios)).toBeLessThanOrEqual(Math.SQRT2 + 1e-9);
    expect(Math.max(...ratios) - Math.min(...ratios)).toBeGreaterThan(0.65);
    const angles = views.map(({ degrees }) => degrees);
    expect(Math.min(...angles)).toBeLessThan(-14);
    expect(Math.max(...angles)).toBeGreaterThan(14);
    const firsts = new Set(views.map(({ colour }) => colour[0]?.kind));
    expect(firsts).toEqual(new Set(["brightness", "contrast", "saturation", "hue"]));
  });

  it("finds a crop in an image that is too narrow for every shape of the policy", () => {
    const { standard } = augmentations;
    const { crop } = planView(standard, { width: 10, height: 900 }, { kind: "crop", fraction: 1 }, createRandom(1));
    expect(crop.width).toBeCloseTo(10, 9);
    expect(crop.height).toBeCloseTo(10 / (3 / 4), 9);
    expect(crop.top).toBeCloseTo((900 - crop.height) / 2, 9);
  });
});

describe("viewsOf", () => {
  const options = { policy: augmentations.strong, frame: { kind: "stretch" }, size: 24, seed: 7 } as const;
  const image = noise(40, 30, 1);

  it("returns the same view whatever was rendered before, and other views for other numbers, images and seeds", () => {
    const [first, again] = [viewsOf(image, "a", options), viewsOf(image, "a", options)];
    const wanted = [0, 1, 2].map(first);
    expect([2, 0, 1].map(again)).toEqual([wanted[2], wanted[0], wanted[1]]);
    const others = [first(1), viewsOf(image, "b", options)(0), viewsOf(image, "a", { ...options, seed: 8 })(0)];
    for (const other of others) expect(other.data).not.toEqual(wanted[0]!.data);
  });

  it("returns the unchanged image if nothing varies", () => {
    const square = noise(24, 24, 2);
    expect(viewsOf(square, 0, { ...options, policy: augmentations.none })(3).data).toEqual(square.data);
  });
});

describe("augmentationFor", () => {
  it("is stronger for fewer examples per class", () => {
    const nameFor = (examples: number, classes: number): string => augmentationFor({ examples, classes }).name;
    expect([nameFor(60, 5), nameFor(1543, 10), nameFor(50_000, 10)]).toEqual(["strong", "standard", "light"]);
    expect(() => nameFor(0, 2)).toThrow(RangeError);
    expect(() => nameFor(5, 0)).toThrow();
  });

  it("light does not flip", () => {
    expect(augmentations.light).toMatchObject({ flip: 0, degrees: 0 });
  });
});
