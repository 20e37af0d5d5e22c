import { describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { MAX_OOD_SCORE } from "../model/artifact-graph.ts";
import { openSession } from "../onnx/session/session.ts";
import { denseTable } from "./features/feature-table.ts";
import { BANK_ROWS, fitOodDetector, oodScoresOf } from "./ood-bank.ts";
import { FEATURES_INPUT, oodModel, PROBABILITIES_INPUT } from "./testing.ts";

const COLUMNS = 24;

/** Rows around one of two directions, or around a third. */
function rows(count: number, seed: number, strange = false): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count * COLUMNS }, (_, i) => {
    const [row, column] = [Math.floor(i / COLUMNS), i % COLUMNS];
    const direction = strange ? 2 : row % 2;
    return (Math.floor(column / 8) === direction ? 4 : 0) + random.next();
  });
}

/** Probabilities of two classes for so many rows, the top one's given. */
const answers = (count: number, top: (row: number) => number = () => 0.9): Float32Array =>
  Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 ? 1 - top(i >> 1) : top(i >> 1)));

const fit = (train: Float32Array, groups?: readonly number[], calibration?: Float32Array) =>
  fitOodDetector(
    {
      probabilities: answers((calibration ?? train).length / COLUMNS),
      train: { table: denseTable(train, COLUMNS), groups },
      calibration: calibration && { table: denseTable(calibration, COLUMNS), groups: undefined },
    },
    createRandom(0),
  );

const scored = (of: Float32Array, detector: Awaited<ReturnType<typeof fit>>, probabilities?: Float32Array) =>
  oodScoresOf(denseTable(of, COLUMNS), probabilities ?? answers(of.length / COLUMNS), detector);

/** The share of new pictures of the kind that are called unknown. */
async function alarmsOf(detector: Awaited<ReturnType<typeof fit>>, known: Float32Array): Promise<number> {
  const scores = await scored(known, detector);
  return scores.filter((score) => score > detector.rule.threshold).length / scores.length;
}

/** Rows as a network shows them that was trained on them: drawn to the direction of their class. */
const memorised = (of: Float32Array): Float32Array =>
  of.map((value, i) => {
    const [row, column] = [Math.floor(i / COLUMNS), i % COLUMNS];
    return 0.2 * value + (Math.floor(column / 8) === row % 2 ? 4 : 0);
  });

describe("the out-of-distribution detector", () => {
  it("of a fine-tuned network is fitted on images that did not train it", async () => {
    const train = memorised(rows(200, 1));
    const fresh = rows(400, 2);
    expect(await alarmsOf(await fit(train), fresh)).toBeGreaterThan(0.5);
    expect(await alarmsOf(await fit(train, undefined, rows(60, 3)), fresh)).toBeLessThan(0.12);
  });

  it("calls nothing unknown if there are too few images for a guarantee", async () => {
    const detector = await fit(rows(18, 1));
    expect(detector.rule).toMatchObject({ threshold: MAX_OOD_SCORE, fittedOn: 18 });
    expect(await alarmsOf(detector, rows(50, 3, true))).toBe(0);
    expect((await fit(rows(19, 1))).rule.threshold).toBeLessThan(MAX_OOD_SCORE);
  });

  it("raises few false alarms on new images of the kind, and finds others", async () => {
    const detector = await fit(rows(400, 1));
    const { threshold, fittedOn, falseAlarmRate } = detector.rule;
    expect([fittedOn, falseAlarmRate]).toEqual([400, 0.05]);
    const known = await scored(rows(400, 2), detector);
    const alarms = known.filter((score) => score > threshold).length / 400;
    expect(alarms).toBeGreaterThan(0.01);
    expect(alarms).toBeLessThan(0.1);
    const unknown = await scored(rows(50, 3, true), detector);
    expect(unknown.every((score) => score > threshold)).toBe(true);
  });

  it("is not lowered by copies: an image is never its own neighbour", async () => {
    const one = rows(100, 1);
    const copied = Float32Array.from({ length: 8 * one.length }, (_, i) => one[i % one.length]!);
    const groups = Array.from({ length: 800 }, (_, i) => i % 100);
    expect(await alarmsOf(await fit(copied), rows(400, 2))).toBeGreaterThan(0.9);
    expect(await alarmsOf(await fit(copied, groups), rows(400, 2))).toBeLessThan(0.25);
  });

  it("guarantees nothing for rows of a single group", async () => {
    const detector = await fit(rows(20, 1), new Array(20).fill(0));
    expect(detector.rule).toMatchObject({ threshold: MAX_OOD_SCORE, fittedOn: 1 });
    expect(detector.scales.length).toBe(20);
  });

  it("also finds images between classes, although they are no further away", async () => {
    const probabilities = answers(200, (row) => 0.9 + (row % 10) / 100);
    const train = { table: denseTable(rows(200, 1), COLUMNS), groups: undefined };
    const detector = await fitOodDetector({ train, probabilities }, createRandom(0));
    const like = rows(50, 2);
    const share = async (top: number): Promise<number> => {
      const scores = await scored(
        like,
        detector,
        answers(50, () => top),
      );
      return scores.filter((score) => score > detector.rule.threshold).length / 50;
    };
    expect(await share(0.95)).toBeLessThan(0.15);
    expect(await share(0.5)).toBeGreaterThan(0.9);
    expect(
      (
        await scored(
          like,
          detector,
          answers(50, () => 1),
        )
      ).every(Number.isFinite),
    ).toBe(true);
  });

  it("is what the artifact's graph computes", async () => {
    const train = { table: denseTable(rows(60, 1), COLUMNS), groups: undefined };
    const detector = await fitOodDetector(
      { train, probabilities: answers(60, (row) => 0.5 + (row % 7) / 14) },
      createRandom(0),
    );
    const asked = rows(9, 4);
    const probabilities = answers(9, (row) => [0.5, 1, 0.99, 0.7, 0.999999, 0.6, 0.8, 0.9, 0.55][row]!);
    const expected = await scored(asked, detector, probabilities);
    const session = await openSession(oodModel(detector, COLUMNS, 2));
    const { novelty: found } = await session.run({
      [FEATURES_INPUT]: { dims: [9, COLUMNS], data: asked },
      [PROBABILITIES_INPUT]: { dims: [9, 2], data: probabilities },
    });
    await session.close();
    expect(found!.dims).toEqual([9]);
    expected.forEach((score, row) => {
      expect(Math.abs(Number(found!.data[row]) - score)).toBeLessThan(1e-3 * Math.max(1, Math.abs(score)));
    });
  });

  it("keeps a bounded bank, and works with two images", async () => {
    const many = await fit(rows(BANK_ROWS + 200, 1));
    expect(many.scales.length).toBe(BANK_ROWS);
    expect(many.rule.fittedOn).toBe(BANK_ROWS + 200);
    const two = await fit(rows(2, 1));
    expect(two.rule.neighbours).toBe(1);
  });
});
