/** Synthetic trainings: when a curve counts as flattened, and what is extrapolated from it. */
import { describe, expect, test } from "vitest";
import { createLadder, DOUBLINGS, keptOf, outlookOf, type Rung } from "./training-ladder.ts";

const BASELINE = 0.5;
const first = { first: 5, guess: 10 };

/** A training: its mean validation loss, with the same spread from image to image in all; accuracies on training and evaluation images. */
function rung(epochs: number, loss: number, trainAccuracy: number, accuracy: number, more: Partial<Rung> = {}): Rung {
  return {
    ...{ epochs, seconds: epochs, isCut: false, trainAccuracy },
    validation: { accuracy, logLoss: loss, losses: Array.from({ length: 60 }, (_, i) => loss + 0.01 * (i % 3)) },
    correct: Uint8Array.from({ length: 100 }, (_, i) => (i < 100 * accuracy ? 1 : 0)),
    ...more,
  };
}

const outlook = (...rungs: Rung[]) => outlookOf(rungs, BASELINE, first);

describe("a curve has flattened", () => {
  test("if doubling the training brings nothing on validation images, and the training images are learned", () => {
    expect(outlook(rung(5, 0.5, 0.97, 0.8), rung(10, 0.5, 0.99, 0.8))).toMatchObject({
      flattened: true,
      couldReach: 0.8,
    });
    expect(outlook(rung(5, 0.5, 0.97, 0.8), rung(10, 0.7, 1, 0.78)).flattened).toBe(true);
  });

  test("if neither loss nor training accuracy changes any more, although not all is learned", () => {
    expect(outlook(rung(5, 0.5, 0.85, 0.8), rung(10, 0.5, 0.852, 0.8)).flattened).toBe(true);
  });

  test("not after a single training, however well it settles, nor by one that was cut", () => {
    expect(outlook(rung(40, 0.5, 1, 0.9))).toMatchObject({ flattened: false, couldReach: 1 });
    expect(outlook(rung(5, 0.5, 1, 0.9), rung(7, 0.5, 1, 0.9, { isCut: true })).flattened).toBe(false);
  });

  test("not while validation improves, even if all training images are learned", () => {
    expect(outlook(rung(5, 0.6, 1, 0.8), rung(10, 0.5, 1, 0.84)).flattened).toBe(false);
  });

  test("not while training accuracy rises, even if there are too few validation images to show a difference", () => {
    expect(outlook(rung(5, 0.5, 0.8, 0.7), rung(10, 0.5, 0.87, 0.7)).flattened).toBe(false);
  });

  test("not if two short trainings kept the initial weights, whose own curves are unknown; after many epochs it is", () => {
    const kept = (epochs: number): Rung => rung(epochs, 0.5, 0.95, 0.9, { isBeginning: true });
    expect(outlook(kept(1), kept(2))).toMatchObject({ flattened: false, couldReach: 1 });
    expect(outlook(kept(8), kept(16)).flattened).toBe(true);
  });

  test("not at chance: a training that has not started to learn does not show where it ends", () => {
    const stuck = outlook(rung(5, 0.69, 0.52, 0.5), rung(10, 0.69, 0.52, 0.5), rung(20, 0.69, 0.53, 0.5));
    expect(stuck).toMatchObject({ flattened: false, couldReach: 1 });
  });

  test("not at 65% training accuracy of a short training either", () => {
    expect(outlook(rung(5, 0.68, 0.62, 0.54), rung(10, 0.66, 0.65, 0.54))).toMatchObject({
      flattened: false,
      couldReach: 1,
    });
  });
});

describe("an outlook", () => {
  test("bounds what more training could reach by the pace of the last doubling", () => {
    const { couldReach } = outlook(rung(5, 0.9, 0.76, 0.5), rung(10, 0.8, 0.82, 0.55));
    expect(couldReach).toBeGreaterThan(0.55 + DOUBLINGS * 0.05);
    expect(couldReach).toBeLessThan(0.85);
  });

  test("plans the next training: twice the epochs at twice the seconds", () => {
    expect(outlook().next).toEqual({ epochs: 5, seconds: 10 });
    expect(outlook(rung(5, 1, 0.5, 0.5)).next).toEqual({ epochs: 10, seconds: 10 });
    expect(outlook(rung(10, 1, 0.5, 0.5), rung(13, 1, 0.5, 0.5, { isCut: true, seconds: 9 })).next).toEqual({
      epochs: 20,
      seconds: 20,
    });
  });
});

describe("what is kept", () => {
  const [short, long] = [rung(5, 0.5, 0.9, 0.97), rung(10, 0.5, 1, 0.9)];

  test("is the longest training, unless a shorter one is clearly better on validation images", () => {
    expect(keptOf([short, long])).toBe(long);
    const worse = rung(10, 0.9, 1, 0.6);
    expect(keptOf([short, worse])).toBe(short);
    expect(keptOf([])).toBeUndefined();
  });

  test("is the best so far if the budget cuts a training short, which may be the cut one", () => {
    const cut = (loss: number): Rung => rung(7, loss, 1, 0.9, { isCut: true });
    expect(keptOf([short, cut(0.5)])).toBe(short);
    expect(keptOf([short, cut(2)])).toBe(short);
    const better = cut(0.1);
    expect(keptOf([short, better])).toBe(better);
    expect(keptOf([better])).toBe(better);
  });

  test("a ladder trains for twice the epochs each time, and passes on the signal that ends a training", async () => {
    const asked: [number, boolean][] = [];
    const ladder = createLadder(
      {
        ...first,
        train: async (epochs, enough) => {
          asked.push([epochs, enough?.aborted ?? false]);
          return rung(epochs, 1 / epochs, 0.9, 0.9);
        },
      },
      BASELINE,
    );
    await ladder.climb();
    await ladder.climb();
    await ladder.climb(AbortSignal.abort());
    expect(asked).toEqual([
      [5, false],
      [10, false],
      [20, true],
    ]);
    expect(ladder.kept()?.epochs).toBe(20);
  });
});
