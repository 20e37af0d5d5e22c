import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { scoreLogits, softmax } from "../../metrics/logits.ts";
import { denseTable, type FeatureTable } from "../features/feature-table.ts";
import { countLabels, fitHead, type HeadFit, type HeadOptions, headLogits, STRENGTHS } from "./fit.ts";

interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly classes: number;
  /** Whether class 0 has a quarter of its rows. */
  readonly rare: boolean;
}

interface Case extends Shape {
  readonly l2: number;
  readonly classWeights: "none" | "balanced";
  readonly counts: number[];
  /** Of every step-th row. */
  readonly probabilities: number[][];
}

/** Made by bench/reference/sklearn_head.py. */
const reference = JSON.parse(readFileSync(new URL("./sklearn.reference.json", import.meta.url), "utf8")) as {
  step: number;
  cases: Case[];
};

/** The examples of sklearn_head.py. */
function examples({ rows, columns, classes, rare }: Shape): { data: Float32Array; labels: Int32Array } {
  const labels = Int32Array.from({ length: rows }, (_, i) => {
    const label = Math.floor((i * 7) / 3) % classes;
    return rare && label === 0 && i % 4 !== 0 ? 1 : label;
  });
  const data = Float32Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    const own = 0.8 * Math.cos(labels[i]! * (j + 1) * 1.9);
    return (Math.sin(1.7 * i + 2.3 * j * j + 0.5 * i * j) + own + 3 * j) * (j + 1);
  });
  return { data, labels };
}

/** The same table read a few rows at a time. */
const inChunks = (data: Float32Array, columns: number, rowsPerChunk: number): FeatureTable => ({
  rows: data.length / columns,
  columns,
  *chunks() {
    // As the real one does, every chunk is a view of one buffer that is overwritten.
    const buffer = new Float32Array(rowsPerChunk * columns);
    for (let first = 0; first * columns < data.length; first += rowsPerChunk) {
      const part = data.subarray(first * columns, (first + rowsPerChunk) * columns);
      buffer.set(part);
      yield { first, rows: part.length / columns, data: buffer.subarray(0, part.length) };
    }
  },
});

const train = (table: FeatureTable, labels: Int32Array, classes: number, options: HeadOptions = {}): Promise<HeadFit> =>
  fitHead(table, labels, classes, createRandom(1), options);

const largestDifference = (a: Float32Array | number[], b: Float32Array | number[]): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...[...a].map((value, i) => Math.abs(value - b[i]!)));
};

const shape: Shape = { rows: 60, columns: 5, classes: 3, rare: false };

describe("the head against scikit-learn", () => {
  for (const { l2, classWeights, counts, probabilities, ...of } of reference.cases) {
    const title = `${of.classes} classes of ${counts} examples, λ ${l2}, class weights ${classWeights}`;
    test(`${title}: the same probabilities to 1e-3`, async () => {
      const { data, labels } = examples(of);
      expect(countLabels(labels, of.classes)).toEqual(counts);
      const table = denseTable(data, of.columns);
      const { head, unfinished } = await train(table, labels, of.classes, {
        strengths: [l2],
        classWeights,
        pooling: 0,
      });
      expect(unfinished).toBe(0);
      const own = softmax(headLogits(head, table), of.classes, 1);
      const picked = probabilities.flatMap((_, i) => {
        const from = i * reference.step * of.classes;
        return [...own.subarray(from, from + of.classes)];
      });
      expect(largestDifference(picked, probabilities.flat())).toBeLessThan(1e-3);
    });
  }
});

describe("fitHead", () => {
  test("a table in chunks gives the same result as in one piece", async () => {
    const { data, labels } = examples(shape);
    const whole = await train(denseTable(data, 5), labels, 3);
    for (const rowsPerChunk of [1, 7, 59]) {
      const chunked = await train(inChunks(data, 5, rowsPerChunk), labels, 3);
      expect(chunked.l2).toBe(whole.l2);
      expect(largestDifference(chunked.head.weights, whole.head.weights)).toBeLessThan(1e-4);
      expect(largestDifference(chunked.outOfFoldLogits, whole.outOfFoldLogits)).toBeLessThan(1e-3);
    }
  });

  test("a constant or nearly constant column changes nothing and breaks nothing", async () => {
    const { data, labels } = examples(shape);
    const wider = new Float32Array(60 * 7);
    for (let i = 0; i < 60; i++) {
      wider.set(data.subarray(i * 5, i * 5 + 5), i * 7);
      wider.set([1234.5, 0], i * 7 + 5);
    }
    const [plain, wide] = [denseTable(data, 5), denseTable(wider, 7)];
    const options = { strengths: [0.01] };
    const a = headLogits((await train(plain, labels, 3, options)).head, plain);
    const b = headLogits((await train(wide, labels, 3, options)).head, wide);
    expect(b.every(Number.isFinite)).toBe(true);
    expect(largestDifference(softmax(a, 3, 1), softmax(b, 3, 1))).toBeLessThan(1e-3);
  });

  test("the strength is the one with the least loss in cross-validation", async () => {
    const { data, labels } = examples(shape);
    const { l2, tried, folds } = await train(denseTable(data, 5), labels, 3);
    expect(tried.map((result) => result.l2)).toEqual(expect.arrayContaining(STRENGTHS));
    expect(folds).toBe(5);
    expect(tried.find((result) => result.l2 === l2)!.logLoss).toBe(Math.min(...tried.map(({ logLoss }) => logLoss)));
    // The strongest penalty leaves only the classes' frequencies: log 3 here.
    expect(tried.at(-1)!.logLoss).toBeCloseTo(Math.log(3), 1);
  });

  /** Classes that are hidden in noise, so that the penalty matters. */
  function hidden(): { table: ReturnType<typeof denseTable>; labels: Int32Array } {
    const random = createRandom(7);
    const labels = Int32Array.from({ length: 90 }, (_, i) => i % 3);
    const data = Float32Array.from(
      { length: 90 * 8 },
      (_, at) => random.next() + 0.3 * Math.cos(labels[Math.floor(at / 8)]! * ((at % 8) + 1)),
    );
    return { table: denseTable(data, 8), labels };
  }

  test("half decades around the best decade are tried too, and one is chosen if it is better than all decades", async () => {
    const { table, labels } = hidden();
    const { l2, tried, outOfFoldLogits } = await train(table, labels, 3);
    expect(tried.map((result) => Math.log10(result.l2))).toEqual(
      [-4, -3, -2.5, -2, -1.5, -1, 0, 1, 2].map((power) => expect.closeTo(power, 6)),
    );
    const losses = tried.map(({ logLoss }) => logLoss);
    expect(Math.log10(l2)).toBeCloseTo(-1.5, 6);
    expect(losses[4]).toBe(Math.min(...losses));
    // From where the decades ended, the fit ends where it does from nothing.
    const alone = await train(table, labels, 3, { strengths: [l2] });
    expect(alone.tried[0]!.logLoss).toBeCloseTo(losses[4]!, 3);
    expect(largestDifference(softmax(outOfFoldLogits, 3, 1), softmax(alone.outOfFoldLogits, 3, 1))).toBeLessThan(0.01);
  });

  test("only the given strengths are tried", async () => {
    const { data, labels } = examples(shape);
    const { tried } = await train(denseTable(data, 5), labels, 3, { strengths: [0.01, 1] });
    expect(tried.map(({ l2 }) => l2)).toEqual([0.01, 1]);
  });

  test("a search that starts far from the best penalty ends where a grid of half decades has its least loss", async () => {
    const { table, labels } = hidden();
    const grid = Array.from({ length: 13 }, (_, i) => 10 ** (-4 + i / 2));
    const whole = await train(table, labels, 3, { strengths: grid });
    for (const near of [1e-4, 1e-3, 0.1, 10]) {
      const found = await train(table, labels, 3, { near, foldOf: whole.foldOf });
      expect(Math.log10(found.l2)).toBeCloseTo(Math.log10(whole.l2), 6);
      expect(found.tried.map(({ l2 }) => l2)).toEqual(found.tried.map(({ l2 }) => l2).toSorted((a, b) => a - b));
      const [a, b] = [softmax(found.outOfFoldLogits, 3, 1), softmax(whole.outOfFoldLogits, 3, 1)];
      expect(largestDifference(a, b)).toBeLessThan(0.01);
    }
  });

  test("an example's own label does not affect its out-of-fold logits", async () => {
    const { labels } = examples(shape);
    const noise = createRandom(5);
    const random = Float32Array.from({ length: 60 * 40 }, () => noise.next());
    const table = denseTable(random, 40);
    const { tried, head } = await train(table, labels, 3, { strengths: [1e-4] });
    expect(tried[0]!.accuracy).toBeLessThan(0.6);
    const logits = headLogits(head, table);
    const right = [...labels].filter((label, i) => {
      const own = [...logits.subarray(i * 3, i * 3 + 3)];
      return own.indexOf(Math.max(...own)) === label;
    });
    expect(right.length / 60).toBeGreaterThan(0.9);
  });

  test("columns that hardly vary in few examples do not dominate later", async () => {
    // As of a ReLU: most features are 0 for most pictures, and rarely large. Few pictures show few of them at work.
    const draw = (count: number, seed: number): { table: FeatureTable; labels: Int32Array } => {
      const random = createRandom(seed);
      const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
      const data = Float32Array.from({ length: count * 200 }, (_, at) => {
        const [i, j] = [Math.floor(at / 200), at % 200];
        if (j < 10) return random.next() + (labels[i] === 0 ? 0.5 : 0);
        return random.next() < 0.02 ? 5 * random.next() : 0.001 * random.next();
      });
      return { table: denseTable(data, 200), labels };
    };
    const fresh = draw(400, 9);
    const loss = async (pooling: number | undefined): Promise<number> => {
      let sum = 0;
      for (let seed = 0; seed < 5; seed++) {
        const { table, labels } = draw(10, seed);
        const { head } = await train(table, labels, 2, { pooling });
        sum += scoreLogits(headLogits(head, fresh.table), fresh.labels, 2).logLoss / 5;
      }
      return sum;
    };
    expect(await loss(0)).toBeGreaterThan(2);
    expect(await loss(undefined)).toBeLessThan(Math.LN2);
  });

  test("with a hundred examples of each class, columns keep their own variances", async () => {
    const labels = Int32Array.from({ length: 200 }, (_, i) => i % 2);
    const random = createRandom(3);
    const table = denseTable(
      Float32Array.from({ length: 600 }, (_, at) => random.next() * (1 + (at % 3))),
      3,
    );
    expect(await train(table, labels, 2)).toEqual(await train(table, labels, 2, { pooling: 0 }));
  });

  test("if cross-validation makes no mistake, the penalty is not the weakest one", async () => {
    const labels = Int32Array.from({ length: 36 }, (_, i) => i % 2);
    const random = createRandom(4);
    const data = Float32Array.from(
      { length: 36 * 8 },
      (_, at) => 4 * (labels[Math.floor(at / 8)]! - 0.5) + random.next(),
    );
    const { l2, tried } = await train(denseTable(data, 8), labels, 2);
    expect(tried.find((result) => result.l2 === l2)!.accuracy).toBe(1);
    expect(l2).toBeGreaterThan(STRENGTHS[0]!);
    // The plain loss would take the edge.
    expect(tried[0]!.logLoss).toBe(Math.min(...tried.map(({ logLoss }) => logLoss)));
  });

  test("never more folds than the rarest class has examples", async () => {
    const { data } = examples({ ...shape, rows: 9 });
    const labels = Int32Array.from([0, 0, 1, 1, 1, 1, 2, 2, 2]);
    const { folds, outOfFoldLogits } = await train(denseTable(data, 5), labels, 3);
    expect(folds).toBe(2);
    expect(outOfFoldLogits.every(Number.isFinite)).toBe(true);
  });

  test("the same seed gives the same bytes", async () => {
    const { data, labels } = examples(shape);
    const [a, b] = [await train(denseTable(data, 5), labels, 3), await train(denseTable(data, 5), labels, 3)];
    expect(a).toEqual(b);
  });

  test("perfectly separable classes end with finite weights", async () => {
    const labels = Int32Array.from({ length: 40 }, (_, i) => i % 2);
    const data = Float32Array.from(
      { length: 80 },
      (_, at) => (labels[Math.floor(at / 2)]! === 0 ? -1 : 1) * (1 + (at % 5)),
    );
    const { head, tried } = await train(denseTable(data, 2), labels, 2);
    expect([...head.weights, ...head.bias].every(Number.isFinite)).toBe(true);
    expect(tried[0]!.accuracy).toBe(1);
  });

  test("stops between rounds with the signal's reason, and a timer can be what stops it", async () => {
    const { data, labels } = examples(shape);
    const controller = new AbortController();
    const reason = new Error("enough");
    let rounds = 0;
    const stopped = train(denseTable(data, 5), labels, 3, {
      onRound: () => {
        if (++rounds === 3) controller.abort(reason);
      },
      signal: controller.signal,
    });
    await expect(stopped).rejects.toBe(reason);
    expect(rounds).toBe(3);

    const timed = new AbortController();
    setTimeout(() => timed.abort(reason), 0);
    await expect(train(denseTable(data, 5), labels, 3, { signal: timed.signal })).rejects.toBe(reason);
    await expect(train(denseTable(data, 5), labels, 3, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
