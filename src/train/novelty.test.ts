import { describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { openSession } from "../runtime/session.ts";
import { denseTable } from "./features/table.ts";
import { FEATURES_INPUT, noveltyModel } from "./novelty.test-helper.ts";
import { BANK_ROWS, fitNovelty, noveltyOf } from "./novelty.ts";

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

describe("novelty", () => {
  it("raises few false alarms on new pictures of the kind, and finds others", async () => {
    const novelty = await fitNovelty(denseTable(rows(400, 1), COLUMNS), createRandom(0), undefined);
    const { threshold, fittedOn, falseAlarmRate } = novelty.rule;
    expect([fittedOn, falseAlarmRate]).toEqual([400, 0.05]);
    const known = await noveltyOf(denseTable(rows(400, 2), COLUMNS), novelty);
    const alarms = known.filter((score) => score > threshold).length / 400;
    expect(alarms).toBeGreaterThan(0.01);
    expect(alarms).toBeLessThan(0.1);
    const unknown = await noveltyOf(denseTable(rows(50, 3, true), COLUMNS), novelty);
    expect(unknown.every((score) => score > threshold)).toBe(true);
  });

  it("is not lowered by copies: an image is never its own neighbour", async () => {
    const one = rows(100, 1);
    const copied = Float32Array.from({ length: 8 * one.length }, (_, i) => one[i % one.length]!);
    const groups = Array.from({ length: 800 }, (_, i) => i % 100);
    const fit = (of: readonly number[] | undefined) => fitNovelty(denseTable(copied, COLUMNS), createRandom(0), of);
    const [blind, aware] = [(await fit(undefined)).rule.threshold, (await fit(groups)).rule.threshold];
    const known = await noveltyOf(denseTable(rows(400, 2), COLUMNS), await fit(groups));
    const alarms = (threshold: number): number => known.filter((score) => score > threshold).length / 400;
    expect(alarms(blind)).toBeGreaterThan(0.9);
    expect(alarms(aware)).toBeLessThan(0.25);
  });

  it("has a threshold where all rows are one group", async () => {
    const novelty = await fitNovelty(denseTable(rows(20, 1), COLUMNS), createRandom(0), new Array(20).fill(0));
    const alone = await fitNovelty(denseTable(rows(20, 1), COLUMNS), createRandom(0), undefined);
    expect(novelty.rule).toEqual(alone.rule);
  });

  it("is what the artifact's graph computes", async () => {
    const novelty = await fitNovelty(denseTable(rows(60, 1), COLUMNS), createRandom(0), undefined);
    const asked = rows(9, 4);
    const expected = await noveltyOf(denseTable(asked, COLUMNS), novelty);
    const session = await openSession(noveltyModel(novelty, COLUMNS));
    const { novelty: found } = await session.run({ [FEATURES_INPUT]: { dims: [9, COLUMNS], data: asked } });
    await session.close();
    expect(found!.dims).toEqual([9]);
    expected.forEach((score, row) => {
      expect(Math.abs(Number(found!.data[row]) - score)).toBeLessThan(1e-5);
    });
  });

  it("keeps a bounded bank, and does with two pictures", async () => {
    const many = await fitNovelty(denseTable(rows(BANK_ROWS + 200, 1), COLUMNS), createRandom(0), undefined);
    expect(many.scales.length).toBe(BANK_ROWS);
    expect(many.rule.fittedOn).toBe(BANK_ROWS + 200);
    const two = await fitNovelty(denseTable(rows(2, 1), COLUMNS), createRandom(0), undefined);
    expect(two.rule.neighbours).toBe(1);
  });
});
