import { expect, test } from "vitest";
import { joinedExamples, joinedLogits } from "./validation.ts";

const of = (...values: number[]): Float32Array => Float32Array.from(values);

test("predictions are joined at the same epoch; a training that failed keeps its last ones", () => {
  const whole = [of(0), of(1), of(2)];
  const failed = [of(10), of(11)];
  expect([...joinedLogits(of(7), [whole, failed], 1)]).toEqual([7, 1, 11]);
  expect([...joinedLogits(of(7), [whole, failed], 2)]).toEqual([7, 2, 11]);
  expect([...joinedLogits(of(7), [], 2)]).toEqual([7]);
});

test("examples are joined in the same order, with groups only where all have them", () => {
  const [a, b] = [Int32Array.of(0, 1), Int32Array.of(1)];
  expect(
    joinedExamples([
      { labels: a, groups: [4, 4] },
      { labels: b, groups: [5] },
    ]),
  ).toEqual({
    labels: Int32Array.of(0, 1, 1),
    groups: [4, 4, 5],
  });
  expect(joinedExamples([{ labels: a, groups: [4, 4] }, { labels: b }])).toEqual({ labels: Int32Array.of(0, 1, 1) });
});
