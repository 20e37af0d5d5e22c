import { describe, expect, test } from "vitest";
import { confidenceOf, gapOf } from "./domain-gap.ts";

/** Probabilities that give one class `top` and share the rest. */
const sure = (pictures: number, classes: number, top: number): Float32Array =>
  Float32Array.from({ length: pictures * classes }, (_, at) =>
    at % classes === Math.floor(at / classes) ? top : (1 - top) / (classes - 1),
  );

describe("a classifier's confidence", () => {
  test("ranges from uniform to certain", () => {
    expect(confidenceOf(sure(3, 100, 1), 100)).toMatchObject({ meanConfidence: 1, sameAnswer: 1 / 3 });
    expect(confidenceOf(sure(3, 100, 1), 100).entropy).toBeCloseTo(0, 6);
    expect(confidenceOf(sure(3, 100, 0.01), 100).entropy).toBeCloseTo(1, 5);
  });

  test("is the same from logits as from probabilities", () => {
    const probabilities = sure(2, 100, 0.6);
    const logits = probabilities.map((p) => Math.log(p) + 3);
    expect(confidenceOf(logits, 100).entropy).toBeCloseTo(confidenceOf(probabilities, 100).entropy, 5);
  });

  test("is described with its figures", () => {
    const near = gapOf(confidenceOf(sure(4, 100, 0.95), 100), "net");
    const far = gapOf(confidenceOf(sure(4, 100, 0.02), 100), "net");
    expect([near.distance, far.distance]).toEqual(["near", "far"]);
    expect(near.words).toBe(
      "On 4 of them, net's own classifier is 95% confident on average (entropy 9% of the maximum): these images are much like its training images.",
    );
  });
});
