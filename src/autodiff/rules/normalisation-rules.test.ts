import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { float, float32Tensor, node } from "../../onnx/model.ts";
import { between, expectGradient, normal } from "../testing.ts";

describe("normalisation", () => {
  test("BatchNormalization by given statistics", async () => {
    for (const size of [[3, 4], [], [5]]) {
      const random = createRandom(1);
      const [mean, variance] = [normal(random, [3]), between(random, [3], 0.5, 2)];
      await expectGradient({
        nodes: [node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], { epsilon: float(1e-3) })],
        variables: { x: normal(random, [2, 3, ...size]), s: normal(random, [3]), b: normal(random, [3]) },
        constants: { m: float32Tensor([3], mean.values), v: float32Tensor([3], variance.values) },
      });
    }
  });

  test("BatchNormalization by the batch's own statistics", async () => {
    const random = createRandom(6);
    await expectGradient({
      nodes: [node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "mean", "variance"], { training_mode: 1 })],
      variables: { x: normal(random, [3, 2, 4, 2]), s: normal(random, [2]), b: normal(random, [2]) },
      constants: { m: float32Tensor([2], [0, 0]), v: float32Tensor([2], [1, 1]) },
    });
  });

  test("GroupNormalization with scales per channel, as since operator set 21", async () => {
    const random = createRandom(7);
    await expectGradient({
      nodes: [node("GroupNormalization", ["x", "s", "b"], ["y"], { num_groups: 2, epsilon: float(1e-4) })],
      variables: { x: normal(random, [2, 4, 3, 3]), s: normal(random, [4]), b: normal(random, [4]) },
      opset: 21,
    });
  });

  test.each([
    { dims: [2, 3, 4], axis: -1 },
    { dims: [2, 3, 4], axis: 1 },
    { dims: [3, 4], axis: 1 },
  ])("LayerNormalization of $dims from axis $axis", async ({ dims, axis }) => {
    const random = createRandom(2);
    const scaled = dims.slice(axis);
    await expectGradient({
      nodes: [node("LayerNormalization", ["x", "s", "b"], ["y"], { axis, epsilon: float(1e-4) })],
      variables: { x: normal(random, dims), s: normal(random, scaled), b: normal(random, scaled) },
    });
  });

  test("InstanceNormalization", async () => {
    const random = createRandom(3);
    await expectGradient({
      nodes: [node("InstanceNormalization", ["x", "s", "b"], ["y"], { epsilon: float(1e-4) })],
      variables: { x: normal(random, [2, 3, 3, 3]), s: normal(random, [3]), b: normal(random, [3]) },
    });
  });

  test("GroupNormalization with scales per group", async () => {
    const random = createRandom(4);
    await expectGradient({
      nodes: [node("GroupNormalization", ["x", "s", "b"], ["y"], { num_groups: 2, epsilon: float(1e-4) })],
      variables: { x: normal(random, [2, 4, 3, 3]), s: normal(random, [2]), b: normal(random, [2]) },
    });
  });

  test("LpNormalization", async () => {
    const random = createRandom(5);
    const variables = { x: normal(random, [3, 4]) };
    await expectGradient({ nodes: [node("LpNormalization", ["x"], ["y"], { axis: 1, p: 2 })], variables });
    const other = expectGradient({ nodes: [node("LpNormalization", ["x"], ["y"], { axis: 1, p: 1 })], variables });
    await expect(other).rejects.toThrow("p = 1 has no gradient rule");
  });
});
