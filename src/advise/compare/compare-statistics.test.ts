import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { type Curve, curveOf, MOST_FACTOR, savingsOf } from "./curve.ts";
import { chosenOf } from "./roads/scratch.ts";
import type { Road, Run } from "./run.ts";
import { scheduleFor } from "./schedule.ts";
import { decide, FEWEST_JUDGED, leadOf } from "./verdict.ts";

/** Runs of all roads at one size, each right with its own probability; what is hard for one is hard for all. */
function runsOf(accuracies: Partial<Record<Road, number>>, judged: number, seeds = 3, pictures = 600): Run[] {
  return Array.from({ length: seeds }, (_, seed) =>
    Object.entries(accuracies).map(([road, accuracy]): Run => {
      const random = createRandom(seed + 1);
      return {
        road: road as Road,
        pictures,
        seed,
        judged: Array.from({ length: judged }, (_, i) => i),
        correct: Uint8Array.from({ length: judged }, () => (random.next() < accuracy ? 1 : 0)),
        trainAccuracy: 1,
        seconds: 1,
      };
    }),
  ).flat();
}

describe("the verdict", () => {
  const cases: readonly [string, Partial<Record<Road, number>>, string][] = [
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

  test("is transfer where fine-tuning is ahead by too little to be worth its time", () => {
    expect(decide(runsOf({ probe: 0.88, "fine-tune": 0.9, scratch: 0.5 }, 400), 600, 0.2).verdict).toBe("transfer");
  });

  test("is transfer where scratch catches up only with all pictures", () => {
    const all = runsOf({ probe: 0.9, "fine-tune": 0.9, scratch: 0.88 }, 60);
    const some = runsOf({ probe: 0.88, scratch: 0.6 }, 60, 3, 150);
    expect(decide(all, 600, 0.2)).toMatchObject({ verdict: "undecided", why: "alike" });
    expect(decide([...all, ...some], 600, 0.2)).toMatchObject({
      verdict: "transfer",
      sooner: { pictures: 150, of: 600 },
    });
  });

  test("is undecided where they are alike and the pictures are few", () => {
    const found = decide(runsOf({ probe: 0.8, "fine-tune": 0.8, scratch: 0.78 }, 40), 600, 0.2);
    expect(found).toMatchObject({ verdict: "undecided", why: "alike" });
  });

  test("is transfer where scratch is surely no better, if not surely worse", () => {
    expect(decide(runsOf({ probe: 1, "fine-tune": 1, scratch: 0.995 }, 800), 600, 0.2).verdict).toBe("transfer");
  });

  test("cannot be told from few pictures, however clear they seem", () => {
    const found = decide(runsOf({ probe: 1, "fine-tune": 1, scratch: 0 }, FEWEST_JUDGED - 1), 600, 0.2);
    expect(found).toMatchObject({ verdict: "undecided", why: "too-few" });
  });

  test("is that nothing was learned where labels are shuffled", () => {
    const found = decide(runsOf({ probe: 0.2, "fine-tune": 0.21, scratch: 0.19 }, 200), 600, 0.2);
    expect(found).toMatchObject({ verdict: "undecided", why: "nothing-learned" });
  });

  test("needs both ends of the road", () => {
    expect(decide(runsOf({ probe: 0.9 }, 200), 600, 0.2)).toMatchObject({ verdict: "undecided", why: "missing" });
  });

  test("is none where the network from scratch was not trained to the point of knowing its own pictures", () => {
    const runs = runsOf({ probe: 0.9, "fine-tune": 0.9, scratch: 0.2 }, 200).map((run) =>
      run.road === "scratch" ? { ...run, trainAccuracy: 0.22 } : run,
    );
    expect(decide(runs, 600, 0.2)).toMatchObject({ verdict: "undecided", why: "unfitted" });
  });

  test("waits for the runs on all pictures", () => {
    expect(decide(runsOf({ probe: 0.9, scratch: 0.3 }, 200), 1200, 0.2)).toMatchObject({ why: "missing" });
  });

  test("looks at the runs on all pictures alone", () => {
    const little = runsOf({ probe: 0.9, scratch: 0.3 }, 200, 3, 75);
    const much = runsOf({ probe: 0.5, scratch: 0.95 }, 200, 3, 600);
    expect(decide([...little, ...much], 600, 0.2).verdict).toBe("scratch");
  });
});

describe("the lead of a road", () => {
  test("turns round with the sides, and more seeds on the same pictures make it no surer than pictures allow", () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 120 }), fc.double({ min: 0, max: 1, noNaN: true }), (judged, accuracy) => {
        const runs = runsOf({ probe: accuracy, scratch: 0.5 }, judged);
        const [there, back] = [leadOf(runs, "probe", "scratch"), leadOf(runs, "scratch", "probe")];
        expect(there.mean).toBeCloseTo(-back.mean, 12);
        expect(there.interval[0]).toBeCloseTo(-back.interval[1], 12);
        expect(there.interval[1] - there.interval[0]).toBeGreaterThan(0);
      }),
    );
    const once = runsOf({ probe: 0.8, scratch: 0.5 }, 50, 1);
    const thrice = [0, 1, 2].flatMap((seed) => once.map((run) => ({ ...run, seed })));
    expect(leadOf(thrice, "probe", "scratch").interval).toEqual(leadOf(once, "probe", "scratch").interval);
  });

  /** A road that names all of 60 pictures rightly but the first so many, dealing by dealing. */
  const dealt = (road: Road, wrong: readonly number[]): Run[] =>
    wrong.map((count, seed) => ({
      ...{ road, pictures: 600, seed, trainAccuracy: 1, seconds: 1 },
      judged: Array.from({ length: 60 }, (_, i) => 60 * seed + i),
      correct: Uint8Array.from({ length: 60 }, (_, i) => (i < count ? 0 : 1)),
    }));

  test("is told by pictures where one dealing gains nothing, by dealings where they contradict each other", () => {
    const probe = dealt("probe", [30, 30, 30]);
    const unequal = leadOf([...probe, ...dealt("fine-tune", [30, 10, 10])], "fine-tune", "probe");
    expect(unequal.mean).toBeCloseTo(2 / 9, 12);
    expect(unequal.interval[0]).toBeGreaterThan(0.1);
    const contrary = leadOf([...probe, ...dealt("fine-tune", [50, 5, 5])], "fine-tune", "probe");
    expect(contrary.mean).toBeCloseTo(1 / 6, 12);
    expect(contrary.interval[0]).toBeLessThan(0);
  });

  test("is unknown without a pair", () => {
    expect(leadOf(runsOf({ probe: 1 }, 10), "probe", "scratch").interval).toEqual([-1, 1]);
  });
});

describe("pictures of one group", () => {
  /** Roads that guess at copies, four of each picture: right with all of them, or with none. */
  const guesses = (seed: number, isKnown: boolean): Run[] => {
    const groups = Array.from({ length: 48 }, (_, i) => Math.floor(i / 4));
    return (["probe", "scratch"] as const).map((road, at): Run => {
      const random = createRandom(2 * seed + at);
      const own = Array.from({ length: 12 }, () => (random.next() < 0.5 ? 1 : 0));
      return {
        ...{ road, pictures: 600, seed: 0, trainAccuracy: 1, seconds: 1, judged: groups.map((_, i) => i) },
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

describe("tuning", () => {
  const tried = (...accuracies: number[]) =>
    accuracies.map((accuracy, i) => ({ learningRate: i, augment: "none" as const, accuracy }));

  test("keeps the first setting where none is ahead by more than chance", () => {
    expect(chosenOf(tried(0.1, 0.12, 0.11), 200)?.learningRate).toBe(0);
    expect(chosenOf(tried(0.1, 0.3, 0.31), 200)?.learningRate).toBe(1);
    expect(chosenOf([], 200)).toBeUndefined();
  });
});

describe("learning curves", () => {
  const curve = (road: Road, errors: readonly (readonly [number, number])[]): Curve => ({
    road,
    points: errors.map(([pictures, error]) => ({
      ...{ pictures, accuracy: 1 - error, interval: [0, 1] as const, trainAccuracy: 1 },
      ...{ overfitting: error, seconds: 1, runs: 1 },
    })),
  });

  test("average their runs, and tell what was learned by heart", () => {
    const { points } = curveOf("probe", [
      ...runsOf({ probe: 1 }, 40, 2, 100),
      ...runsOf({ probe: 0, scratch: 1 }, 40, 1, 50),
    ]);
    expect(points.map(({ pictures, accuracy, runs, overfitting }) => [pictures, accuracy, runs, overfitting])).toEqual([
      [50, 0, 1, 1],
      [100, 1, 2, 0],
    ]);
  });

  test("are drawn out along a power law: halving the error with four times the pictures", () => {
    const slow = curve("scratch", [
      [100, 0.4],
      [400, 0.2],
    ]);
    const found = savingsOf(curve("probe", [[400, 0.1]]), slow);
    expect(found?.factor).toBeCloseTo(4, 8);
  });

  test("are not drawn out without end, nor where there is nothing to gain", () => {
    const flat = curve("scratch", [
      [100, 0.4],
      [400, 0.4],
    ]);
    expect(savingsOf(curve("probe", [[400, 0.1]]), flat)?.factor).toBe(MOST_FACTOR);
    expect(savingsOf(curve("probe", [[400, 0.5]]), flat)).toBeUndefined();
  });
});

describe("the schedule", () => {
  test("fits its seconds, begins with little, and repeats what decides", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 5000 }), fc.integer({ min: 10, max: 3600 }), (pictures, seconds) => {
        const { runs, tuningSeconds } = scheduleFor({ pictures, fewest: 10, seconds });
        const costly = runs
          .filter(({ road }) => road !== "probe")
          .reduce((sum, run) => sum + run.seconds, tuningSeconds);
        expect(costly).toBeLessThanOrEqual(seconds * 1.0001);
        for (const run of runs) expect(run.pictures).toBeLessThanOrEqual(pictures);
        for (const road of ["probe", "fine-tune", "scratch"])
          expect(runs.some((run) => run.road === road && run.pictures === pictures)).toBe(true);
      }),
    );
    const seeds = (seconds: number): number =>
      new Set(scheduleFor({ pictures: 600, fewest: 10, seconds }).runs.map(({ seed }) => seed)).size;
    expect([seeds(30), seeds(600)]).toEqual([1, 3]);
  });
});
