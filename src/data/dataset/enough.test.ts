import { describe, expect, it } from "vitest";
import { checkEnough, checkEnoughIn } from "./enough.ts";

const needs = { hasTest: false, hasValidation: false, finetunes: false };
const check =
  (counts: readonly number[], given: Partial<typeof needs> = {}) =>
  () =>
    checkEnough(counts, ["a", "b"], { ...needs, ...given });

describe("checkEnough", () => {
  it("requires two images of each class, whatever parts exist", () => {
    expect(check([5, 1], { hasTest: true })).toThrow('The class "b" has 1 image to train on: add at least 1 more.');
    expect(check([0, 9])).toThrow('The class "a" has 0 images to train on: add at least 2 more.');
    expect(check([2, 2], { hasTest: true })).not.toThrow();
  });

  it("requires a third image of some class if the test is held out", () => {
    expect(check([2, 2])).toThrow("none can be held out for the test");
    expect(check([2, 3])).not.toThrow();
  });

  it("requires one more if fine-tuning holds out its validation part", () => {
    expect(check([3, 3], { finetunes: true })).toThrow("no class has 4 images");
    expect(check([3, 4], { finetunes: true })).not.toThrow();
    expect(check([2, 2], { finetunes: true, hasTest: true })).toThrow("no class has 3 images");
    expect(check([2, 2], { finetunes: true, hasTest: true, hasValidation: true })).not.toThrow();
  });

  it("counts only training images, and throws an error with a code", () => {
    const examples = [0, 0, 1, 1].map((label) => ({ label, split: "train" }));
    const classes = ["a", "b"];
    expect(() => checkEnoughIn({ examples, classes }, false)).toThrow(
      expect.objectContaining({ code: "too-few-images" }),
    );
    expect(() => checkEnoughIn({ examples: [...examples, { label: 0, split: "test" }], classes }, false)).not.toThrow();
  });
});
