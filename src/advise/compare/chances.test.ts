/** The course of a comparison, with made-up strategies whose learning curves are known: nothing is trained. */
import { describe, expect, test } from "vitest";
import { type Chances, giveChances } from "./chances.ts";
import { curveOf, savingsOf } from "./curve.ts";
import type { Rung } from "./ladder.ts";
import { scheduleFor } from "./schedule.ts";
import { decide } from "./verdict.ts";

const PICTURES = 400;
const JUDGED = 200;
const BASELINE = 0.5;

/** What so many epochs on so many images come to: accuracy on learned and on judged images. */
type Learns = (epochs: number, images: number) => { readonly learned: number; readonly judged: number };

const right = (accuracy: number): Uint8Array =>
  Uint8Array.from({ length: JUDGED }, (_, i) => (i < accuracy * JUDGED ? 1 : 0));

/** A strategy that takes a second for an epoch, told by a clock of its own; `cutAfter`: seconds after which it hears that it is enough. */
function strategy(learns: Learns, clock: { seconds: number }, cutAt = Number.POSITIVE_INFINITY) {
  const asked: number[] = [];
  const prepare: Chances["prepare"]["scratch"] = async ({ learn }) => ({
    ...{ first: 4, guess: 4 },
    async train(epochs): Promise<Rung> {
      asked.push(epochs);
      const done = Math.min(epochs, Math.max(1, cutAt - clock.seconds));
      clock.seconds += done;
      const { learned, judged } = learns(done, learn.length);
      const loss = 2 * (1 - judged);
      return {
        ...{ epochs: done, seconds: done, isCut: done < epochs, trainAccuracy: learned, correct: right(judged) },
        validation: {
          accuracy: judged,
          logLoss: loss,
          losses: Array.from({ length: 60 }, (_, i) => loss + 0.01 * (i % 3)),
        },
      };
    },
  });
  return { prepare, asked };
}

/** Learns up to a limit, half of the way in so many epochs. */
const upTo =
  (limit: number, half: number): Learns =>
  (epochs) => {
    const share = 1 - 0.5 ** (epochs / half);
    return { learned: BASELINE + 0.5 * share, judged: BASELINE + (limit - BASELINE) * share };
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
  const made = await giveChances({
    probe: async () => ({ correct: right(probe), trainAccuracy: 1, seconds: 0 }),
    prepare: { "fine-tune": fine.prepare, scratch: fresh.prepare },
    task: ({ pictures }) => ({
      learn: Array.from({ length: pictures }, (_, i) => i),
      judged: Array.from({ length: JUDGED }, (_, i) => i),
      groups: Array.from({ length: JUDGED }, (_, i) => i),
    }),
    schedule: scheduleFor({ pictures: PICTURES, fewest: 4, splits }),
    ...{ pictures: PICTURES, baseline: BASELINE },
    spending: { left: () => budget - clock.seconds, epochs },
  });
  return {
    ...made,
    found: decide(made.runs, PICTURES, BASELINE, made.progress),
    asked: { tuned: fine.asked, scratch: fresh.asked },
  };
}

describe("a chance for every strategy", () => {
  test("trainings double until their curves are flat; only then there is a verdict, and other splits and sizes follow", async () => {
    const { found, asked, progress, runs } = await compared({
      probe: 0.9,
      tuned: upTo(0.9, 1),
      scratch: upTo(0.88, 4),
      splits: 2,
    });
    expect(found.verdict).toBe("transfer");
    expect(asked.scratch.slice(0, 4)).toEqual([4, 8, 16, 32]);
    expect(progress.scratch).toMatchObject({ flattened: true });
    expect(runs.filter(({ road, pictures }) => road === "scratch" && pictures === PICTURES).length).toBe(2);
    expect(runs.every(({ training }) => training?.flattened ?? true)).toBe(true);
  });

  test("the network from scratch that starts slowly but wins is found, where a fixed few epochs would have said transfer", async () => {
    const { found } = await compared({ probe: 0.8, tuned: upTo(0.8, 1), scratch: upTo(0.99, 30) });
    expect(found.verdict).toBe("scratch");
    const short = await compared({ probe: 0.8, tuned: upTo(0.8, 1), scratch: upTo(0.99, 30), epochs: 16 });
    expect(short.found).toMatchObject({ verdict: "undecided", open: ["scratch"] });
  });

  test("one that stays at chance is never said to be beaten", async () => {
    const stuck: Learns = () => ({ learned: 0.52, judged: 0.5 });
    const { found, asked } = await compared({ probe: 0.61, tuned: upTo(0.61, 1), scratch: stuck, epochs: 64 });
    expect(found).toMatchObject({ verdict: "undecided", why: "untrained", open: ["scratch"] });
    expect(asked.scratch).toEqual([4, 8, 16, 32, 64]);
  });

  test("what is beaten beyond doubt is not trained to its end", async () => {
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

  test("nothing is trained where the probe leaves nothing to gain", async () => {
    const { found, asked } = await compared({ probe: 0.995, tuned: upTo(1, 1), scratch: upTo(1, 1) });
    expect(found).toMatchObject({ verdict: "transfer", noRoom: 0.995 });
    expect(asked).toEqual({ tuned: [], scratch: [] });
  });
});

describe("a budget that ends", () => {
  test("keeps the best so far: a fine-tuning that reached 97% is no 89% of the probe's", async () => {
    const { runs, progress, found } = await compared({
      probe: 0.89,
      tuned: upTo(0.97, 1),
      scratch: upTo(0.6, 40),
      budget: 34,
    });
    const tuned = runs.find(({ road, pictures }) => road === "fine-tune" && pictures === PICTURES)!;
    expect(tuned.correct.reduce((sum, one) => sum + one, 0) / JUDGED).toBeGreaterThan(0.93);
    expect(found.verdict).toBe("undecided");
    expect(found).toMatchObject({ open: expect.arrayContaining(["scratch"]) });
    expect(progress.scratch?.rungs.length).toBeGreaterThan(0);
  });

  test("keeps what a training that it cut has learned in its first epochs", async () => {
    const { runs, progress } = await compared({ probe: 0.6, tuned: upTo(0.9, 1), scratch: upTo(0.9, 1), budget: 7 });
    expect(progress.scratch?.rungs).toMatchObject([{ epochs: 3, isCut: true }]);
    expect(runs.find(({ road }) => road === "scratch")?.training).toEqual({ epochs: 3, flattened: false });
  });

  test("leaves out what there is no time for, says so, and draws no savings from what was not trained", async () => {
    const { leftOut, runs } = await compared({ probe: 0.9, tuned: upTo(0.9, 1), scratch: upTo(0.7, 40), budget: 60 });
    expect(leftOut.map(({ road }) => road)).toContain("scratch");
    expect(savingsOf(curveOf("probe", runs), curveOf("scratch", runs))).toBeUndefined();
  });

  test("a stop ends it with what is known by then", async () => {
    const stop = new AbortController();
    const reason = new Error("stop");
    const clock = { seconds: 0 };
    const { prepare } = strategy(upTo(0.7, 4), clock);
    let trainings = 0;
    const made = await giveChances({
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
        judged: Array.from({ length: JUDGED }, (_, i) => i),
        groups: Array.from({ length: JUDGED }, (_, i) => i),
      }),
      schedule: [],
      ...{ pictures: PICTURES, baseline: BASELINE, spending: { left: () => Number.POSITIVE_INFINITY, epochs: 100 } },
      stop: stop.signal,
    });
    expect(made.interrupted).toBe(true);
    expect(made.runs.map(({ road }) => road).sort()).toEqual(expect.arrayContaining(["probe", "scratch"]));
  });
});
