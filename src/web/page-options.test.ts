/** What a page's calls refuse. The schemas need no browser. */
import { describe, expect, test } from "vitest";
import { checkedArgument } from "../base/option-schemas.ts";
import type { Network } from "../networks/network.ts";
import {
  checkedEngineOptions,
  checkedNetworkOptions,
  checkedOpenOptions,
  checkedPredictOptions,
  checkedTrainOptions,
  source,
} from "./page-options.ts";

const network = { name: "n", sha256: "0", cut: "c", model: {}, preprocessing: {} } as unknown as Network;
const picture = { width: 1, height: 1, data: new Uint8Array(3) };
const examples = [{ picture, label: "a" }];

describe("train in a page", () => {
  test("accepts valid options, with their defaults", () => {
    expect(checkedTrainOptions({ network, examples })).toMatchObject({
      seed: 0,
      unfreeze: "none",
      classWeights: "none",
      effort: "quick",
    });
    const tuned = checkedTrainOptions({ network, examples, unfreeze: 1, epochs: 3, augment: "light" });
    expect(tuned).toMatchObject({ unfreeze: "1", epochs: 3, augment: "light" });
    expect(tuned.examples).toBe(examples);
    expect(checkedTrainOptions({ network, examples: [{ picture: async () => picture, label: "a" }] })).toBeDefined();
  });

  const cases: [string, object, string][] = [
    ["no examples", { examples: [] }, "The examples cannot be used: there are none: give images with their labels."],
    ["a label that is a number", { examples: [{ picture, label: 3 }] }, "example 0 has the label 3: give the name"],
    ["an address for an image", { examples: [{ picture: "a.jpg", label: "a" }] }, 'example 0 has the picture "a.jpg"'],
    ["nothing for an example", { examples: [...examples, null] }, "example 1 is null"],
    ["examples in an object", { examples: {} }, "The option examples of train takes a list of images"],
    ["a name for a network", { network: "resnet50" }, 'takes a network that openNetwork returned, not "resnet50"'],
    ["epochs without fine-tuning", { epochs: 3 }, "epochs only applies to fine-tuning: add unfreeze (a stage"],
    ["a batch without fine-tuning", { batch: 3, unfreeze: "none" }, "batch only applies to fine-tuning"],
    ["no epochs", { unfreeze: 1, epochs: 0 }, "The option epochs of train takes a whole number from 1"],
    [
      "a rate that is no number",
      { unfreeze: 1, learningRate: Number.NaN },
      "learningRate of train takes a number above 0",
    ],
    [
      "no last stages",
      { unfreeze: 0 },
      "unfreeze of train takes a stage's name, a number of last stages, or all, not 0",
    ],
    ["an unknown option", { unfreze: 1 }, 'train has no option "unfreze": did you mean unfreeze?'],
    ["a seed as text", { seed: "5" }, "The option seed of train takes a whole number from 0 to 4294967295"],
    ["weights of nonsense", { classWeights: "bogus" }, "classWeights of train takes one of none, balanced"],
    ["an unknown effort", { effort: "heroic" }, "effort of train takes one of quick, better"],
    [
      "an effort with fine-tuning",
      { effort: "better", unfreeze: 1 },
      "effort chooses what the head alone is trained on: leave it out, or unfreeze.",
    ],
    ["a controller for a signal", { signal: new AbortController() }, "signal of train takes an AbortSignal"],
  ];
  test.each(cases)("%s", (_, more, says) => {
    expect(() => checkedTrainOptions({ network, examples, ...more } as never)).toThrow(says);
  });
});

describe("what else a page calls", () => {
  test("the engine", () => {
    expect(checkedEngineOptions({ device: "wasm", wasm: new URL("https://a.b/ort/"), threads: 2 })).toBeDefined();
    for (const wrong of [
      { device: "gpu" },
      { threads: 0 },
      { threads: "2" },
      { wasm: "" },
      { wasm: 5 },
      { thread: 1 },
      null,
    ])
      expect(() => checkedEngineOptions(wrong as never)).toThrow(/openEngine/);
  });

  test("opening, asking", () => {
    expect(() => checkedOpenOptions({ onProgress: 5 } as never)).toThrow("onProgress of openArtifact takes a function");
    expect(() => checkedNetworkOptions({ preprocessing: "magic" } as never)).toThrow(
      "takes one of imagenet, inception",
    );
    expect(checkedPredictOptions({})).toEqual({ topK: 5 });
    for (const topK of [0, -1, 1.5, "3", null]) expect(() => checkedPredictOptions({ topK } as never)).toThrow("topK");
  });

  test("a source", () => {
    const called = "The first argument of openArtifact";
    for (const right of ["/m.onnx", new URL("https://a.b/m"), new Blob([]), new Uint8Array(1), new ArrayBuffer(1)])
      expect(checkedArgument(source, right, called)).toBe(right);
    for (const wrong of [undefined, null, "", 5, {}, new Float32Array(8e6)])
      expect(() => checkedArgument(source, wrong, called)).toThrow(
        /^The first argument of openArtifact takes .{1,200}$/,
      );
  });
});
