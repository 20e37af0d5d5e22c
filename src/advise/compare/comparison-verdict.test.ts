import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import type { Run, Strategy } from "./comparison-runs.ts";
import { scheduleFor } from "./comparison-runs.ts";
import { decide as decideWith, FEWEST_EVALUATED, leadOf, type Outlooks } from "./comparison-verdict.ts";
import { type Curve, curveOf, MOST_FACTOR, savingsOf } from "./training-ladder.ts";

/** Runs of all strategies at one size, each right with its own probability; what is hard for one is hard for all. */
function runsOf(accuracies: Partial<Record<Strategy, number>>, evaluated: number, seeds = 3, pictures = 600): Run[] {
  return Array.from({ length: seeds }, (_, seed) =>
    Object.entries(accuracies).map(([strategy, accuracy]): Run => {
      const random = createRandom(seed + 1);
      return {
        strategy: strategy as Strategy,
        pictures,
        seed,
        evaluated: Array.from({ length: evaluated }, (_, i) => i),
        correct: Uint8Array.from({ length: evaluated }, () => (random.next() < accuracy ? 1 : 0)),
        trainAccuracy: 1,
        seconds: 1,
      };
    }),
  ).flat();
}

/** Every strategy is fully trained. */
const flat: Outlooks = {
  "fine-tune": { flattened: true, couldReach: 0 },
  scratch: { flattened: true, couldReach: 0 },
};
const decide = (runs: readonly Run[], pictures: number, baseline: number, outlooks = flat) =>
  decideWith(runs, pictures, baseline, outlooks);

describe("the verdict", () => {
  const cases: readonly [string, Partial<Record<Strategy, number>>, string][] = [
    ["transfer where features carry it", { probe: 0.9, "fine-tune": 0.9, scratch: 0.6 }, "transfer"],
    ["fine-tune where that is better still", { probe: 0.7, "fine-tune": 0.9, scratch: 0.5 }, "fine-tune"],
    ["from scratch where features carry little", { probe: 0.5, "fine-tune": 0.7, scratch: 0.97 }, "scratch"],
    [
      "fine-tune where both beat the probe and it the other",
      { probe: 0.4, "fine-tune": 0.97, scratch: 0.8 },
      "fine-tune",
    ],
  ];
  test.each(cases)("is %s", (_, accuracies, verdict) => {
    expect(decide(runsOf(accuracies, 200), 600, 0.2).verdict).toBe(verdict);
  });

  test("is transfer if fine-tuning is ahead by too little to be worth its time", () => {
    expect(decide(runsOf({ probe: 0.88, "fine-tune": 0.9, scratch: 0.5 }, 400), 600, 0.2).verdict).toBe("transfer");
  });

  test("is transfer if scratch catches up only with all images", () => {
    const all = runsOf({ probe: 0.9, "fine-tune": 0.9, scratch: 0.88 }, 60);
    const some = runsOf({ probe: 0.88, scratch: 0.6 }, 60, 3, 150);
    expect(decide(all, 600, 0.2)).toMatchObject({ verdict: "undecided", why: "alike" });
    expect(decide([...all, ...some], 600, 0.2)).toMatchObject({
      verdict: "transfer",
      sooner: { pictures: 150, of: 600 },
    });
  });

  test("is undecided if they are alike and the images are few", () => {
    const found = decide(runsOf({ probe: 0.8, "fine-tune": 0.8, scratch: 0.78 }, 40), 600, 0.2);
    expect(found).toMatchObject({ verdict: "undecided", why: "alike" });
  });

  test("is transfer if scratch is clearly not better", () => {
    expect(decide(runsOf({ probe: 1, "fine-tune": 1, scratch: 0.995 }, 800), 600, 0.2).verdict).toBe("transfer");
  });

  test("is undecided for few images, however clear they seem", () => {
    const found = decide(runsOf({ probe: 1, "fine-tune": 1, scratch: 0 }, FEWEST_EVALUATED - 1), 600, 0.2);
    expect(found).toMatchObject({ verdict: "undecided", why: "too-few" });
  });

  test("is that nothing was learned if labels are shuffled", () => {
    const found = decide(runsOf({ probe: 0.2, "fine-tune": 0.21, scratch: 0.19 }, 200), 600, 0.2);
    expect(found).toMatchObject({ verdict: "undecided", why: "nothing-learned" });
  });

  test("waits for the runs on all images", () => {
    expect(decide(runsOf({ probe: 0.9, scratch: 0.3 }, 200), 1200, 0.2, {})).toMatchObject({
      ...{ verdict: "undecided", why: "untrained", open: ["fine-tune", "scratch"] },
    });
  });

  test("uses only the runs on all images", () => {
    const little = runsOf({ probe: 0.9, scratch: 0.3 }, 200, 3, 75);
    const much = runsOf({ probe: 0.5, scratch: 0.95 }, 200, 3, 600);
    expect(decide([...little, ...much], 600, 0.2).verdict).toBe("scratch");
  });
});

describe("a verdict needs fully trained strategies", () => {
  const noise = runsOf({ probe: 0.91, "fine-tune": 0.91, scratch: 0.54 }, 200);
  const curve = (flattened: boolean, couldReach: number) => ({ ...flat, scratch: { flattened, couldReach } });

  test("a lead of 37 points over a hardly trained network is no verdict: the network is reported as open", () => {
    expect(decide(noise, 600, 0.5, curve(false, 1))).toMatchObject({
      ...{ verdict: "undecided", why: "untrained", open: ["scratch"] },
    });
    expect(decide(noise, 600, 0.5, curve(true, 0.54)).verdict).toBe("transfer");
  });

  test("a strategy that could not win is beaten, whether or not its curve is flat", () => {
    expect(decide(noise, 600, 0.5, curve(false, 0.9)).verdict).toBe("transfer");
    expect(decide(noise, 600, 0.5, curve(false, 0.95)).verdict).toBe("undecided");
  });

  test("a strategy that never ran is reported as open", () => {
    const without = noise.filter(({ strategy }) => strategy !== "fine-tune");
    expect(decide(without, 600, 0.5, { scratch: { flattened: true, couldReach: 0.54 } })).toMatchObject({
      ...{ verdict: "undecided", why: "untrained", open: ["fine-tune"] },
    });
  });

  test("the winner's curve need not be flat, the other's must", () => {
    const runs = runsOf({ probe: 0.5, "fine-tune": 0.7, scratch: 0.9 }, 200);
    expect(decide(runs, 600, 0.2, curve(false, 1)).verdict).toBe("scratch");
    const open = { ...flat, "fine-tune": { flattened: false, couldReach: 1 } };
    expect(decide(runs, 600, 0.2, open)).toMatchObject({ verdict: "undecided", open: ["fine-tune"] });
  });

  test("a probe that leaves nothing to gain decides, whatever has not been trained", () => {
    expect(decide(runsOf({ probe: 0.995 }, 400), 600, 0.2, {}).verdict).toBe("transfer");
    expect(decide(runsOf({ probe: 0.95 }, 400), 600, 0.2, {})).toMatchObject({ why: "untrained" });
  });

  test("only trained strategies are reported as alike", () => {
    const alike = runsOf({ probe: 0.8, "fine-tune": 0.8, scratch: 0.78 }, 40);
    expect(decide(alike, 600, 0.2)).toMatchObject({ why: "alike", open: [] });
    expect(decide(alike, 600, 0.2, curve(false, 0.9))).toMatchObject({ why: "untrained", open: ["scratch"] });
  });

  test("with uninformative labels, untrained strategies are reported as open too", () => {
    const chance = runsOf({ probe: 0.2, "fine-tune": 0.21, scratch: 0.19 }, 200);
    expect(decide(chance, 600, 0.2, curve(false, 1))).toMatchObject({ why: "nothing-learned", open: ["scratch"] });
  });
});

describe("the lead of a strategy", () => {
  test("is antisymmetric, and more seeds on the same images do not narrow it beyond what the images allow", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 120 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (evaluated, accuracy) => {
          const runs = runsOf({ probe: accuracy, scratch: 0.5 }, evaluated);
          const [there, back] = [leadOf(runs, "probe", "scratch"), leadOf(runs, "scratch", "probe")];
          expect(there.mean).toBeCloseTo(-back.mean, 12);
          expect(there.interval[0]).toBeCloseTo(-back.interval[1], 12);
          expect(there.interval[1] - there.interval[0]).toBeGreaterThan(0);
        },
      ),
    );
    const once = runsOf({ probe: 0.8, scratch: 0.5 }, 50, 1);
    const thrice = [0, 1, 2].flatMap((seed) => once.map((run) => ({ ...run, seed })));
    expect(leadOf(thrice, "probe", "scratch").interval).toEqual(leadOf(once, "probe", "scratch").interval);
  });

  /** A strategy that gets all of 60 images right except the first `wrong` of each split. */
  const runsWithErrors = (strategy: Strategy, wrong: readonly number[]): Run[] =>
    wrong.map((count, seed) => ({
      ...{ strategy, pictures: 600, seed, trainAccuracy: 1, seconds: 1 },
      evaluated: Array.from({ length: 60 }, (_, i) => 60 * seed + i),
      correct: Uint8Array.from({ length: 60 }, (_, i) => (i < count ? 0 : 1)),
    }));

  test("has the images' interval if one split gains nothing, and the splits' if they contradict each other", () => {
    const probe = runsWithErrors("probe", [30, 30, 30]);
    const unequal = leadOf([...probe, ...runsWithErrors("fine-tune", [30, 10, 10])], "fine-tune", "probe");
    expect(unequal.mean).toBeCloseTo(2 / 9, 12);
    expect(unequal.interval[0]).toBeGreaterThan(0.1);
    const contrary = leadOf([...probe, ...runsWithErrors("fine-tune", [50, 5, 5])], "fine-tune", "probe");
    expect(contrary.mean).toBeCloseTo(1 / 6, 12);
    expect(contrary.interval[0]).toBeLessThan(0);
  });

  test("is unknown without a pair", () => {
    expect(leadOf(runsOf({ probe: 1 }, 10), "probe", "scratch").interval).toEqual([-1, 1]);
  });
});

describe("images of one group", () => {
  /** Strategies that guess at copies, four of each image: right with all of them, or with none. */
  const guesses = (seed: number, isKnown: boolean): Run[] => {
    const groups = Array.from({ length: 48 }, (_, i) => Math.floor(i / 4));
    return (["probe", "scratch"] as const).map((strategy, at): Run => {
      const random = createRandom(2 * seed + at);
      const own = Array.from({ length: 12 }, () => (random.next() < 0.5 ? 1 : 0));
      return {
        ...{ strategy, pictures: 600, seed: 0, trainAccuracy: 1, seconds: 1, evaluated: groups.map((_, i) => i) },
        correct: Uint8Array.from(groups, (group) => own[group]!),
        groups: isKnown ? groups : undefined,
      };
    });
  };
  const wronglySure = (isKnown: boolean): number =>
    Array.from({ length: 400 }, (_, seed) => leadOf(guesses(seed, isKnown), "probe", "scratch").interval).filter(
      ([low, high]) => low > 0 || high < 0,
    ).length / 400;

  test("count once: guesses on copies are seldom taken for a lead", () => {
    expect(wronglySure(true)).toBeLessThan(0.06);
    expect(wronglySure(false)).toBeGreaterThan(0.2);
  });

  test("make the interval of a curve as wide as of so many groups", () => {
    const [copies, alone] = [guesses(1, true), guesses(1, false)].map((runs) => curveOf("probe", runs).points[0]!);
    expect(copies!.accuracy).toBe(alone!.accuracy);
    expect(copies!.interval[1] - copies!.interval[0]).toBeGreaterThan(alone!.interval[1] - alone!.interval[0]);
    expect(decide(guesses(1, true), 600, 0.2)).toMatchObject({ verdict: "undecided", why: "too-few" });
  });
});

describe("learning curves", () => {
  const curve = (strategy: Strategy, errors: readonly (readonly [number, number])[], flattened = true): Curve => ({
    road: strategy,
    points: errors.map(([pictures, error]) => ({
      ...{ pictures, accuracy: 1 - error, interval: [0, 1] as const, trainAccuracy: 1 },
      ...{ overfitting: error, seconds: 1, runs: 1, epochs: 10, flattened },
    })),
  });

  test("average their runs, and report overfitting", () => {
    const { points } = curveOf("probe", [
      ...runsOf({ probe: 1 }, 40, 2, 100),
      ...runsOf({ probe: 0, scratch: 1 }, 40, 1, 50),
    ]);
    expect(points.map(({ pictures, accuracy, runs, overfitting }) => [pictures, accuracy, runs, overfitting])).toEqual([
      [50, 0, 1, 1],
      [100, 1, 2, 0],
    ]);
  });

  test("are extrapolated by a power law: halving the error with four times the images", () => {
    const slow = curve("scratch", [
      [100, 0.4],
      [400, 0.2],
    ]);
    const found = savingsOf(curve("probe", [[400, 0.1]]), slow);
    expect(found?.factor).toBeCloseTo(4, 8);
  });

  test("are not extrapolated from unfinished trainings, on either side", () => {
    const errors = [
      [100, 0.4],
      [400, 0.2],
    ] as const;
    const goal = curve("probe", [[400, 0.1]]);
    expect(savingsOf(goal, curve("scratch", errors, false))).toBeUndefined();
    expect(
      savingsOf(
        { ...goal, points: goal.points.map((one) => ({ ...one, flattened: false })) },
        curve("scratch", errors),
      ),
    ).toBeUndefined();
    const [small, large] = curve("scratch", errors).points;
    expect(savingsOf(goal, { road: "scratch", points: [{ ...small!, flattened: false }, large!] })).toBeUndefined();
    const found = savingsOf(goal, {
      road: "scratch",
      points: [{ ...small!, pictures: 50, accuracy: 0.1, flattened: false }, small!, large!],
    });
    expect(found?.factor).toBeCloseTo(4, 8);
  });

  test("report for each point whether its trainings had ended, and their epochs", () => {
    const runs = runsOf({ probe: 1, scratch: 0.5 }, 40, 2).map((run, i) =>
      run.strategy === "probe" ? run : { ...run, training: { epochs: 10 + i, flattened: i > 1 } },
    );
    expect(curveOf("probe", runs).points[0]).toMatchObject({ epochs: undefined, flattened: true });
    expect(curveOf("scratch", runs).points[0]).toMatchObject({ epochs: 13, flattened: false });
  });

  test("are extrapolated to a limit, and not if there is nothing to gain", () => {
    const flat = curve("scratch", [
      [100, 0.4],
      [400, 0.4],
    ]);
    expect(savingsOf(curve("probe", [[400, 0.1]]), flat)?.factor).toBe(MOST_FACTOR);
    expect(savingsOf(curve("probe", [[400, 0.5]]), flat)).toBeUndefined();
  });
});

describe("the schedule", () => {
  const of = (pictures: number, splits: number, fewest = 10) =>
    scheduleFor({ pictures, fewest, splits }).map((run) => [run.pictures, run.seed] as const);

  test("first a second point of the curves, then all of other splits, each once, and never the run that comes before them", () => {
    expect(of(600, 1)).toEqual([
      [150, 0],
      [300, 0],
      [75, 0],
    ]);
    expect(of(600, 3).slice(0, 5)).toEqual([
      [150, 0],
      [600, 1],
      [150, 1],
      [600, 2],
      [150, 2],
    ]);
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 5000 }), fc.integer({ min: 1, max: 5 }), (pictures, splits) => {
        const runs = of(pictures, splits).map(String);
        expect(new Set(runs).size).toBe(runs.length);
        expect(runs).not.toContain(String([pictures, 0]));
        for (let seed = 1; seed < splits; seed++) expect(runs).toContain(String([pictures, seed]));
      }),
    );
  });

  test("leaves out runs in which classes would have no images", () => {
    expect(of(40, 1, 20)).toEqual([[20, 0]]);
  });
});
