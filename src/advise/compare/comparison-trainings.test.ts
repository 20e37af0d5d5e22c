/** The course of a comparison, with synthetic strategies whose learning curves are known: nothing is trained. */
import { describe, expect, test } from "vitest";
import { scheduleFor } from "./comparison-runs.ts";
import { runTrainings, type TrainingsInput } from "./comparison-trainings.ts";
import { decide } from "./comparison-verdict.ts";
import type { Rung } from "./training-ladder.ts";
import { curveOf, savingsOf } from "./training-ladder.ts";

const PICTURES = 400;
const JUDGED = 200;
const BASELINE = 0.5;

/** Training and evaluation accuracy after a number of epochs on a number of images. */
type Learns = (epochs: number, images: number) => { readonly learned: number; readonly evaluated: number };

const right = (accuracy: number): Uint8Array =>
  Uint8Array.from({ length: JUDGED }, (_, i) => (i < accuracy * JUDGED ? 1 : 0));

/** A strategy that takes a second per epoch of a fake clock; `cutAt`: the second at which training is cut. */
function strategy(learns: Learns, clock: { seconds: number }, cutAt = Number.POSITIVE_INFINITY) {
  const asked: number[] = [];
  const prepare: TrainingsInput["prepare"]["scratch"] = async ({ learn }) => ({
    ...{ first: 4, guess: 4 },
    async train(epochs): Promise<Rung> {
      asked.push(epochs);
      const done = Math.min(epochs, Math.max(1, cutAt - clock.seconds));
      clock.seconds += done;
      const { learned, evaluated } = learns(done, learn.length);
      const loss = 2 * (1 - evaluated);
      return {
        ...{ epochs: done, seconds: done, isCut: done < epochs, trainAccuracy: learned, correct: right(evaluated) },
        validation: {
          accuracy: evaluated,
          logLoss: loss,
          losses: Array.from({ length: 60 }, (_, i) => loss + 0.01 * (i % 3)),
        },
      };
    },
  });
  return { prepare, asked };
}

/** Approaches a limit, half of the way in `half` epochs. */
const upTo =
  (limit: number, half: number): Learns =>
  (epochs) => {
    const share = 1 - 0.5 ** (epochs / half);
    return { learned: BASELINE + 0.5 * share, evaluated: BASELINE + (limit - BASELINE) * share };
  };

interface Setting {
  readonly probe: number;
  readonly tuned: Learns;
  readonly scratch: Learns;
  readonly budget?: number;
  readonly epochs?: number;
  readonly splits?: number;
}

async function compared({
  probe,
  tuned,
  scratch,
  budget = Number.POSITIVE_INFINITY,
  epochs = 1000,
  splits = 1,
}: Setting) {
  const clock = { seconds: 0 };
  const [fine, fresh] = [strategy(tuned, clock, budget), strategy(scratch, clock, budget)];
  const outcome = await runTrainings({
    probe: async () => ({ correct: right(probe), trainAccuracy: 1, seconds: 0 }),
    prepare: { "fine-tune": fine.prepare, scratch: fresh.prepare },
    task: ({ pictures }) => ({
      learn: Array.from({ length: pictures }, (_, i) => i),
      evaluated: Array.from({ length: JUDGED }, (_, i) => i),
      groups: Array.from({ length: JUDGED }, (_, i) => i),
    }),
    schedule: scheduleFor({ pictures: PICTURES, fewest: 4, splits }),
    ...{ pictures: PICTURES, baseline: BASELINE },
    spending: { left: () => budget - clock.seconds, epochs },
  });
  return {
    ...outcome,
    found: decide(outcome.runs, PICTURES, BASELINE, outcome.progress),
    asked: { tuned: fine.asked, scratch: fresh.asked },
  };
}

describe("training every strategy long enough", () => {
  test("trainings double until their curves are flat; only then follow a verdict, other splits and sizes", async () => {
    const { found, asked, progress, runs } = await compared({
      probe: 0.9,
      tuned: upTo(0.9, 1),
      scratch: upTo(0.88, 4),
      splits: 2,
    });
    expect(found.verdict).toBe("transfer");
    expect(asked.scratch.slice(0, 4)).toEqual([4, 8, 16, 32]);
    expect(progress.scratch).toMatchObject({ flattened: true });
    expect(runs.filter(({ strategy, pictures }) => strategy === "scratch" && pictures === PICTURES).length).toBe(2);
    expect(runs.every(({ training }) => training?.flattened ?? true)).toBe(true);
  });

  test("finds a network from scratch that starts slowly but wins, where few epochs would have given transfer", async () => {
    const { found } = await compared({ probe: 0.8, tuned: upTo(0.8, 1), scratch: upTo(0.99, 30) });
    expect(found.verdict).toBe("scratch");
    const short = await compared({ probe: 0.8, tuned: upTo(0.8, 1), scratch: upTo(0.99, 30), epochs: 16 });
    expect(short.found).toMatchObject({ verdict: "undecided", open: ["scratch"] });
  });

  test("a strategy that stays at chance is never reported as beaten", async () => {
    const stuck: Learns = () => ({ learned: 0.52, evaluated: 0.5 });
    const { found, asked } = await compared({ probe: 0.61, tuned: upTo(0.61, 1), scratch: stuck, epochs: 64 });
    expect(found).toMatchObject({ verdict: "undecided", why: "untrained", open: ["scratch"] });
    expect(asked.scratch).toEqual([4, 8, 16, 32, 64]);
  });

  test("a clearly beaten strategy is not trained to its end", async () => {
    const slow = upTo(0.62, 2);
    const { found, progress, asked } = await compared({
      probe: 0.96,
      tuned: upTo(0.96, 1),
      scratch: slow,
      epochs: 1000,
    });
    expect(found.verdict).toBe("transfer");
    expect(Math.max(...asked.scratch)).toBeLessThanOrEqual(16);
    expect(progress.scratch?.couldReach).toBeLessThan(0.96);
  });

  test("nothing is trained if the probe leaves nothing to gain", async () => {
    const { found, asked } = await compared({ probe: 0.995, tuned: upTo(1, 1), scratch: upTo(1, 1) });
    expect(found).toMatchObject({ verdict: "transfer", nearMaximum: 0.995 });
    expect(asked).toEqual({ tuned: [], scratch: [] });
  });
});

describe("a budget that ends", () => {
  test("keeps the best so far: a fine-tuning that reached 97% is not replaced by the probe's 89%", async () => {
    const { runs, progress, found } = await compared({
      probe: 0.89,
      tuned: upTo(0.97, 1),
      scratch: upTo(0.6, 40),
      budget: 34,
    });
    const tuned = runs.find(({ strategy, pictures }) => strategy === "fine-tune" && pictures === PICTURES)!;
    expect(tuned.correct.reduce((sum, one) => sum + one, 0) / JUDGED).toBeGreaterThan(0.93);
    expect(found.verdict).toBe("undecided");
    expect(found).toMatchObject({ open: expect.arrayContaining(["scratch"]) });
    expect(progress.scratch?.rungs.length).toBeGreaterThan(0);
  });

  test("keeps what a cut training has learned", async () => {
    const { runs, progress } = await compared({ probe: 0.6, tuned: upTo(0.9, 1), scratch: upTo(0.9, 1), budget: 7 });
    expect(progress.scratch?.rungs).toMatchObject([{ epochs: 3, isCut: true }]);
    expect(runs.find(({ strategy }) => strategy === "scratch")?.training).toEqual({ epochs: 3, flattened: false });
  });

  test("leaves out runs for lack of time, reports them, and derives no savings from unfinished trainings", async () => {
    const { leftOut, runs } = await compared({ probe: 0.9, tuned: upTo(0.9, 1), scratch: upTo(0.7, 40), budget: 60 });
    expect(leftOut.map(({ road }) => road)).toContain("scratch");
    expect(savingsOf(curveOf("probe", runs), curveOf("scratch", runs))).toBeUndefined();
  });

  test("a stop ends it with the results so far", async () => {
    const stop = new AbortController();
    const reason = new Error("stop");
    const clock = { seconds: 0 };
    const { prepare } = strategy(upTo(0.7, 4), clock);
    let trainings = 0;
    const outcome = await runTrainings({
      probe: async () => ({ correct: right(0.8), trainAccuracy: 1, seconds: 0 }),
      prepare: {
        "fine-tune": prepare,
        scratch: async (task) => {
          const trainee = await prepare(task);
          return {
            ...trainee,
            train: async (epochs) => {
              trainings++;
              if (trainings === 2) stop.abort(reason);
              stop.signal.throwIfAborted();
              return trainee.train(epochs);
            },
          };
        },
      },
      task: ({ pictures }) => ({
        learn: Array.from({ length: pictures }, (_, i) => i),
        evaluated: Array.from({ length: JUDGED }, (_, i) => i),
        groups: Array.from({ length: JUDGED }, (_, i) => i),
      }),
      schedule: [],
      ...{ pictures: PICTURES, baseline: BASELINE, spending: { left: () => Number.POSITIVE_INFINITY, epochs: 100 } },
      stop: stop.signal,
    });
    expect(outcome.interrupted).toBe(true);
    expect(outcome.runs.map(({ strategy }) => strategy).sort()).toEqual(expect.arrayContaining(["probe", "scratch"]));
  });
});
