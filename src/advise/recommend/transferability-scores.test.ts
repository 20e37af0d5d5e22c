import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { denseTable, type FeatureTable } from "../../train/features/feature-table.ts";
import { centred, gramOf, type Symmetric, spectrumOf } from "./gram-spectrum.ts";
import { hScore, knnCorrect, logme } from "./transferability-scores.ts";

interface Case {
  readonly rows: number;
  readonly columns: number;
  readonly classes: number;
  readonly apart: number;
  readonly logme: number;
  readonly hScore: number;
  readonly shrinkage: number;
  readonly knn: number;
}

/** Made by bench/reference/transferability.py. */
const { cases } = JSON.parse(readFileSync(new URL("./scores.reference.json", import.meta.url), "utf8")) as {
  cases: Case[];
};

/** The table of transferability.py. */
function tableOf({ rows, columns, classes, apart }: Omit<Case, "logme" | "hScore" | "shrinkage" | "knn">): {
  table: FeatureTable;
  labels: Int32Array;
} {
  const labels = Int32Array.from({ length: rows }, (_, i) => Math.floor((i * 7) / 3) % classes);
  const data = Float32Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    const own = apart * Math.cos(labels[i]! * (j + 1) * 1.9);
    return Math.sin(1.7 * i + 2.3 * j * j + 0.5 * i * j) + own + 0.5;
  });
  return { table: denseTable(data, columns), labels };
}

describe.each(cases)("$rows rows of $columns features in $classes classes, $apart apart", (one) => {
  const { table, labels } = tableOf(one);
  const gram = gramOf(table);

  test("LogME is the reference's", () => {
    expect(Math.abs(logme(gram, one.columns, labels, one.classes) - one.logme)).toBeLessThan(1e-6);
  });

  test("the H-score and its shrinkage are the reference's", () => {
    const { score, shrinkage } = hScore(gram, one.columns, labels, one.classes);
    expect(Math.abs(score - one.hScore)).toBeLessThan(1e-6);
    expect(Math.abs(shrinkage - one.shrinkage)).toBeLessThan(1e-9);
  });

  test("k-NN classifies as many rows correctly", () => {
    const correct = knnCorrect(gram, labels, one.classes);
    expect(correct.reduce((sum, value) => sum + value, 0) / one.rows).toBeCloseTo(one.knn, 12);
  });
});

describe("scores of features", () => {
  const score = (apart: number): { logme: number; h: number } => {
    const shape = { rows: 60, columns: 20, classes: 3, apart };
    const { table, labels } = tableOf(shape);
    const gram = gramOf(table);
    return { logme: logme(gram, 20, labels, 3), h: hScore(gram, 20, labels, 3).score };
  };

  test("rise as the classes move apart", () => {
    const [none, some, far] = [0, 0.5, 2].map(score);
    expect(none!.logme).toBeLessThan(some!.logme);
    expect(some!.logme).toBeLessThan(far!.logme);
    expect(none!.h).toBeLessThan(some!.h);
    expect(some!.h).toBeLessThan(far!.h);
  });

  test("ignore constant features", () => {
    const labels = Int32Array.from({ length: 12 }, (_, i) => i % 2);
    const gram = gramOf(denseTable(new Float32Array(12 * 3).fill(2), 3));
    expect(Number.isFinite(logme(gram, 3, labels, 2))).toBe(true);
    expect(hScore(gram, 3, labels, 2).score).toBe(0);
  });
});

/** A matrix of pseudo-random numbers that is symmetric. */
function symmetric(size: number, seed: number, rank = size): Symmetric {
  const random = createRandom(seed);
  const data = Float32Array.from({ length: size * rank }, () => random.next() - 0.5);
  return gramOf(denseTable(data, rank));
}

describe("the spectrum", () => {
  test("keeps trace, squares, the vectors' lengths and their quadratic forms", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), fc.nat(), (size, rank, seed) => {
        const matrix = symmetric(size, seed, rank);
        const random = createRandom(seed + 1);
        const vector = Float64Array.from({ length: size }, () => random.next() - 0.5);
        const { values, projections } = spectrumOf(matrix, [vector]);
        const sum = (list: Iterable<number>): number => [...list].reduce((total, value) => total + value, 0);
        const at = (i: number, j: number): number => matrix.data[i * size + j]!;
        expect(sum(values)).toBeCloseTo(sum(vector.map((_, i) => at(i, i))), 8);
        expect(sum(values.map((value) => value ** 2))).toBeCloseTo(sum(matrix.data.map((value) => value ** 2)), 8);
        expect(sum(projections[0]!.map((x) => x * x))).toBeCloseTo(sum(vector.map((x) => x * x)), 10);
        const form = sum(vector.map((x, i) => x * sum(vector.map((y, j) => at(i, j) * y))));
        expect(sum(projections[0]!.map((x, i) => values[i]! * x * x))).toBeCloseTo(form, 8);
      }),
    );
  });

  test("of a diagonal matrix is its diagonal", () => {
    const data = new Float64Array([3, 0, 0, 0, 1, 0, 0, 0, 2]);
    const { values } = spectrumOf({ size: 3, data }, []);
    expect([...values].sort()).toEqual([1, 2, 3]);
  });
});

describe("Gram matrices", () => {
  test("of centred features have rows that sum to 0", () => {
    const matrix = symmetric(7, 3);
    const { data } = centred(matrix);
    for (let i = 0; i < 7; i++) expect(data.subarray(i * 7, i * 7 + 7).reduce((a, b) => a + b, 0)).toBeCloseTo(0, 12);
  });
});
