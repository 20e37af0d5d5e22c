/** Steps in one run are, to the bit, the steps of as many runs. */
import { expect, test } from "vitest";
import { crossEntropy } from "../../autodiff/losses.ts";
import { adamW } from "../../autodiff/optimisers.ts";
import { repeatedStep, stepGraph } from "../../autodiff/training-step.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { asFloat32, float32Tensor, type Graph, modelOf, node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { freshlyHeld, predictingWeights, repeatedRunner, stepRunner } from "./step-runner.ts";

const wave = (size: number, k: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(1.3 * i + k));

/** A convolution that trains behind one that does not. */
const network: Graph = {
  name: "small",
  nodes: [
    node("Conv", ["x", "frozen"], ["a"], { pads: [1, 1, 1, 1] }),
    node("Relu", ["a"], ["b"]),
    node("Conv", ["b", "kernel", "bias"], ["c"]),
    node("GlobalAveragePool", ["c"], ["d"]),
    node("Flatten", ["d"], ["logits"]),
  ],
  inputs: [{ name: "x", type: "float32", dims: [2, 3, 8, 8] }],
  outputs: [{ name: "logits" }],
  initializers: new Map([
    ["frozen", float32Tensor([16, 3, 3, 3], wave(432, 1))],
    ["kernel", float32Tensor([3, 16, 3, 3], wave(432, 2))],
    ["bias", float32Tensor([3], wave(3, 3))],
  ]),
};

test("steps in one run equal those of separate runs, to the bit", async () => {
  const shapes = await measureShapes(modelOf(network), { x: [2, 3, 8, 8] });
  const step = stepGraph(network, shapes, {
    prediction: "logits",
    loss: crossEntropy({ labels: "probabilities" }),
    trainable: [
      { name: "kernel", decays: true },
      { name: "bias", decays: false },
    ],
    optimiser: adamW(),
    longestGradient: 1,
    averageDecay: 0.9,
  });
  const one = await openSession(encodeModelWhole(modelOf(step.graph)));
  const all = await openSession(encodeModelWhole(modelOf(repeatedStep(step))));
  const own = new Map(["kernel", "bias"].map((name) => [name, asFloat32(network.initializers.get(name)!)]));
  const batch = (number: number) => ({
    x: { dims: [2, 3, 8, 8], data: wave(384, number) },
    labels: { dims: [2, 3], data: Float32Array.of(1, 0, 0, 0, 0.5, 0.5) },
  });
  const rates = [0.1, 0.05, 0.02, 0.1, 0.03];
  const apart = await stepRunner(step, one)(freshlyHeld(step, own), batch, rates, 1);
  const runs = repeatedRunner(step, all);
  const begun = await runs(freshlyHeld(step, own), batch, rates.slice(0, 2), 1);
  const together = await runs(begun.held, batch, rates.slice(2), 3);
  expect([...begun.losses, ...together.losses]).toEqual(apart.losses);
  expect([...begun.norms, ...together.norms]).toEqual(apart.norms);
  expect(new Set(apart.losses).size).toBe(rates.length);
  expect(together.held).toEqual(apart.held);
  expect(predictingWeights(step, together.held).get("kernel")).not.toEqual(together.held.get("kernel"));
  await one.close();
  await all.close();
});
