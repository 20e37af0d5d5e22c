import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMinimiser, type Minimiser } from "./lbfgs.ts";

function minimise(start: number[], f: (x: Float32Array) => { value: number; gradient: number[] }): Minimiser {
  const minimiser = createMinimiser(Float32Array.from(start), {
    gradientTolerance: 1e-6,
    valueTolerance: 1e-12,
    maxIterations: 500,
  });
  while (minimiser.outcome === undefined) {
    const { value, gradient } = f(minimiser.point);
    minimiser.observe(value, Float32Array.from(gradient));
  }
  return minimiser;
}

describe("L-BFGS", () => {
  test("finds the minimum of any stretched bowl", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.float({ min: -5, max: 5, noNaN: true }), fc.float({ min: 0.5, max: 50, noNaN: true })), {
          minLength: 1,
          maxLength: 12,
        }),
        (terms) => {
          const { point } = minimise(
            terms.map(() => 1),
            (x) => ({
              value: terms.reduce((sum, [centre, width], i) => sum + (width / 2) * (x[i]! - centre) ** 2, 0),
              gradient: terms.map(([centre, width], i) => width * (x[i]! - centre)),
            }),
          );
          terms.forEach(([centre], i) => {
            expect(point[i]).toBeCloseTo(centre, 2);
          });
        },
      ),
      { numRuns: 50, seed: 3 },
    );
  });

  test("walks Rosenbrock's valley", () => {
    const { point, outcome } = minimise([-1.2, 1], ([x = 0, y = 0]) => ({
      value: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
      gradient: [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
    }));
    expect(outcome).not.toBe("iteration-limit");
    expect(point[0]).toBeCloseTo(1, 2);
    expect(point[1]).toBeCloseTo(1, 2);
  });

  test("steps back from a value that is not a number", () => {
    const { point } = minimise([4], ([x = 0]) => ({
      value: x < 0.5 ? Number.NaN : x - Math.log(x - 0.5),
      gradient: [1 - 1 / (x - 0.5)],
    }));
    expect(point[0]).toBeCloseTo(1.5, 2);
  });
});
