import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSampler } from "./batches.ts";

const options = fc.record({
  examples: fc.integer({ min: 1, max: 40 }),
  views: fc.integer({ min: 1, max: 5 }),
  batch: fc.integer({ min: 1, max: 17 }),
  seed: fc.nat(1000),
});

describe("the sampler", () => {
  test("uses every example once per epoch, in one stream of full batches", () => {
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 4 }), (of, epochs) => {
        const sampler = createSampler(of);
        const steps = sampler.steps(epochs);
        expect((steps - 1) * of.batch).toBeLessThan(of.examples * epochs);
        const stream = Array.from({ length: steps }, (_, i) => sampler.batch(i + 1));
        for (const batch of stream) expect(batch).toHaveLength(of.batch);
        const drawn = stream.flat();
        for (let epoch = 0; epoch < epochs; epoch++) {
          const seen = drawn.slice(epoch * of.examples, (epoch + 1) * of.examples).map(({ example }) => example);
          expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: of.examples }, (_, i) => i));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("an example uses all its views before one is repeated", () => {
    fc.assert(
      fc.property(options, (of) => {
        const sampler = createSampler(of);
        const drawn = Array.from({ length: sampler.steps(of.views) }, (_, i) => sampler.batch(i + 1)).flat();
        const views = drawn.slice(0, of.examples * of.views).filter(({ example }) => example === 0);
        expect(new Set(views.map(({ view }) => view)).size).toBe(of.views);
      }),
      { numRuns: 60 },
    );
  });

  test("a step's batch does not depend on earlier calls, and differs for another seed", () => {
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 30 }), (of, step) => {
        const once = createSampler(of);
        for (let i = 1; i <= step; i++) once.batch(i);
        expect(createSampler(of).batch(step)).toEqual(once.batch(step));
      }),
      { numRuns: 60 },
    );
    const of = { examples: 40, views: 3, batch: 40 };
    expect(createSampler({ ...of, seed: 1 }).batch(1)).not.toEqual(createSampler({ ...of, seed: 2 }).batch(1));
  });
});
