import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearest } from "./text.ts";

const word = fc.string({ maxLength: 12 });

describe("editDistance", () => {
  it("counts changed, missing and extra letters", () => {
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("", "abc")).toBe(3);
  });

  it("is a metric", () => {
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
      }),
      { numRuns: 200 },
    );
  });
});

describe("nearest", () => {
  it("returns the most similar first, ignoring case", () => {
    expect(nearest("ResNet5", ["vgg16", "resnet152", "resnet50"], 2)).toEqual(["resnet50", "resnet152"]);
  });

  it("is fast for any length of the word", () => {
    expect(nearest("a".repeat(1e6), ["vgg16"])).toEqual(["vgg16"]);
  });
});
