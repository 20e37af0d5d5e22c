import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { FIRST_OF_CLASS, stratifiedOrder } from "./order.ts";
import { planRace, type Runner, survivors } from "./plan.ts";

describe("the stratified order", () => {
  test("names each picture once, the first of every class first, and keeps the classes' shares", () => {
    const labels = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(labels, fc.nat(), (list, seed) => {
        const order = stratifiedOrder(list, createRandom(seed));
        expect([...order].sort((a, b) => a - b)).toEqual(list.map((_, i) => i));
        const classes = [...new Set(list)];
        const early = order.slice(0, classes.length).map((item) => list[item]!);
        expect(new Set(early).size).toBe(classes.length);
        for (const label of classes) {
          const own = list.filter((one) => one === label).length;
          const half = Math.ceil(order.length / 2);
          const found = order.slice(0, half).filter((item) => list[item] === label).length;
          expect(Math.abs(found - own / 2)).toBeLessThanOrEqual(FIRST_OF_CLASS * classes.length);
        }
      }),
    );
  });

  test("is the same for the same seed", () => {
    const labels = Array.from({ length: 50 }, (_, i) => i % 3);
    expect(stratifiedOrder(labels, createRandom(4))).toEqual(stratifiedOrder(labels, createRandom(4)));
    expect(stratifiedOrder(labels, createRandom(4))).not.toEqual(stratifiedOrder(labels, createRandom(5)));
  });
});

const runner = (name: string, secondsPerPicture: number, more: Partial<Runner> = {}): Runner => ({
  name,
  secondsPerPicture,
  judgingPerPicture: 0,
  overhead: 0,
  seen: 0,
  ...more,
});

describe("the plan of a race", () => {
  const four = [runner("a", 0.01), runner("b", 0.02), runner("c", 0.03), runner("d", 0.04)];

  test("is one rung of all pictures where there is time for it", () => {
    const plan = planRace(four, { pictures: 800, fewest: 50, seconds: 81 });
    expect(plan.rungs).toEqual([{ pictures: 800, networks: 4 }]);
    expect(plan.seconds).toBeCloseTo(80, 8);
    expect(plan.tooSlow).toEqual([]);
  });

  test("halves where there is not, the first rung as large as there is time for", () => {
    const plan = planRace(four, { pictures: 800, fewest: 50, seconds: 70 });
    // 466 × 0.1 s for all four, then 334 × 0.07 s for the slower two.
    expect(plan.rungs).toEqual([
      { pictures: 466, networks: 4 },
      { pictures: 800, networks: 2 },
    ]);
  });

  test("never takes more than the budget, and drops the slowest only where it must", () => {
    const runners = fc.array(
      fc.record({
        speed: fc.double({ min: 0.001, max: 1, noNaN: true }),
        overhead: fc.double({ min: 0, max: 3, noNaN: true }),
      }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(
        runners,
        fc.integer({ min: 1, max: 3000 }),
        fc.double({ min: 0.1, max: 500, noNaN: true }),
        (list, pictures, seconds) => {
          const all = list.map(({ speed, overhead }, i) =>
            runner(String(i), speed, { overhead, judgingPerPicture: speed / 10 }),
          );
          const plan = planRace(all, { pictures, fewest: 40, seconds });
          expect(plan.seconds).toBeLessThanOrEqual(seconds + 1e-6);
          expect(plan.racing.length + plan.tooSlow.length).toBe(all.length);
          for (const { pictures: seen } of plan.rungs) {
            expect(seen).toBeGreaterThanOrEqual(Math.min(40, pictures));
            expect(seen).toBeLessThanOrEqual(pictures);
          }
          if (plan.racing.length === 0) {
            const quickest = Math.min(...plan.tooSlow.map((one) => one.seconds));
            expect(quickest).toBeGreaterThan(seconds);
          }
        },
      ),
    );
  });

  test("says what the least would be where there is time for none", () => {
    const plan = planRace([runner("slow", 1), runner("quick", 0.1, { overhead: 2 })], {
      pictures: 800,
      fewest: 50,
      seconds: 3,
    });
    expect(plan.racing).toEqual([]);
    expect(plan.tooSlow.find(({ name }) => name === "quick")?.seconds).toBeCloseTo(7, 8);
  });

  test("does not pay again for pictures that were seen", () => {
    const plan = planRace([runner("a", 0.1, { seen: 300 })], { pictures: 400, fewest: 50, seconds: 10.5 });
    expect(plan.rungs).toEqual([{ pictures: 400, networks: 1 }]);
    expect(plan.seconds).toBeCloseTo(10, 8);
  });

  test("keeps half of the networks, and two for the end", () => {
    expect([9, 5, 3, 2, 1].map(survivors)).toEqual([5, 3, 2, 2, 1]);
  });
});
