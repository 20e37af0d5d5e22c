import { describe, expect, test } from "vitest";
import { createSampler } from "./batches.ts";
import { recipeFor } from "./recipe.ts";

describe("the recipe for a dataset", () => {
  test("uses no larger batch than there are images, so that every epoch has its own step", () => {
    for (const examples of [1, 5, 22, 31, 32, 33, 500]) {
      const { batch, epochs } = recipeFor({ examples, classes: 1 });
      const { steps } = createSampler({ examples, views: 1, batch, seed: 0 });
      for (let epoch = 1; epoch <= epochs; epoch++) expect(steps(epoch)).toBeGreaterThan(steps(epoch - 1));
    }
  });

  test("rejects a batch larger than the number of images", () => {
    expect(recipeFor({ examples: 22, classes: 2 }, { batch: 22 }).batch).toBe(22);
    expect(() => recipeFor({ examples: 22, classes: 2 }, { batch: 23 })).toThrow(
      "--batch 23 is more than there are images to train on: give 22 at most.",
    );
  });
});
