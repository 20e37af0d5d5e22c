/** A whole pretrained network: the parameters of MobileNetV2, forward and backward, against finite differences. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeModel } from "../onnx/codec/read-model.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { asFloat32, modelOf } from "../onnx/model.ts";
import { cutGraph } from "../onnx/passes/cut-and-merge.ts";
import { raiseOpset } from "../onnx/passes/raise-opset.ts";
import { openSession } from "../onnx/session/session.ts";
import { measureShapes } from "../onnx/session/shapes.ts";
import { crossEntropy } from "./losses.ts";
import { sgd } from "./optimisers.ts";
import { parametersOf, stepGraph } from "./training-step.ts";

const path = new URL("../../../shared/networks/mobilenet_v2_100_224.onnx", import.meta.url);
const present = existsSync(path);

/** The side of an image in pixels: small, for speed. */
const SIDE = 64;
const images = {
  dims: [2, 3, SIDE, SIDE],
  data: Float32Array.from({ length: 6 * SIDE ** 2 }, (_, i) => Math.sin(i * 0.37 + i ** 2 * 1e-4)),
};

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));

describe.skipIf(!present)(present ? "MobileNetV2" : "MobileNetV2 (skipped: ../shared/networks is absent)", () => {
  test("has gradients that agree with finite differences", async () => {
    const { graph } = raiseOpset(decodeModel(readFileSync(path), "MobileNetV2"));
    const logits = graph.nodes.find(({ op }) => op === "Softmax")!.inputs[0]!;
    const cut = cutGraph(graph, [{ name: logits }]);
    const parameters = parametersOf(cut);
    expect(parameters.length).toBe(2 * 53);
    const step = stepGraph(cut, await measureShapes(modelOf(cut), { input: images.dims }), {
      prediction: logits,
      loss: crossEntropy(),
      trainable: parameters,
      // A step of plain descent at rate 1 moves a weight by its gradient.
      optimiser: sgd({ momentum: 0 }),
    });
    const session = await openSession(encodeModelWhole(modelOf(step.graph)));
    const weights = new Map(parameters.map(({ name }) => [name, asFloat32(cut.initializers.get(name)!)]));
    const run = (changed?: string, values?: Float32Array, wanted?: readonly string[]) => {
      const fed = step.weights.map(({ input, dims }) => {
        return [input, { dims, data: input === changed ? values! : weights.get(input)! }] as const;
      });
      const labels = { dims: [2], data: BigInt64Array.of(7n, 500n) };
      const learningRate = { dims: [], data: Float32Array.of(1) };
      return session.run({ input: images, labels, learningRate, ...Object.fromEntries(fed) }, wanted);
    };
    const result = await run();

    // Every eighth parameter: along its own gradient, the loss changes by that gradient's length.
    for (const { input, output } of step.weights.filter((_, i) => i % 8 === 1 || i % 16 === 0)) {
      const weight = weights.get(input)!;
      const next = result[output]!.data as Float32Array;
      const slope = weight.map((value, i) => value - next[i]!);
      const length = norm(slope);
      const reach = 2e-5 * (norm(weight) + 0.1);
      const loss = async (times: number): Promise<number> => {
        const moved = weight.map((value, i) => value + (times * reach * slope[i]!) / length);
        return Number((await run(input, moved, [step.loss]))[step.loss]!.data[0]);
      };
      const measured = ((await loss(1)) - (await loss(-1))) / (2 * reach);
      expect(Math.abs(measured / length - 1), `${input}: ${length}, finite differences ${measured}`).toBeLessThan(0.02);
    }
    await session.close();
  });
});
