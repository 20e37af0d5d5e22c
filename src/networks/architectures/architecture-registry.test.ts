/** What holds for every architecture: its parameters, stages and outputs. Nothing is run, no weight is allocated. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { lookup } from "../../onnx/analysis/dataflow.ts";
import { multiplyAdds } from "../../onnx/analysis/multiply-adds.ts";
import { elementCount, modelOf } from "../../onnx/model.ts";
import { inferShapes } from "../../onnx/session/shapes.ts";
import { architectures, define } from "./architecture-registry.ts";
import type { Definition } from "./definition.ts";
import { mobilenetV2Of } from "./mobilenet-v2.ts";

/** timm's own: learned numbers, tensors, and SHA-256 of the sorted lines `name d0,d1,…`. */
interface Row {
  readonly learned: number;
  readonly tensors: number;
  readonly digest: string;
}

const rows = new Map<string, Row>(
  Object.entries(JSON.parse(readFileSync(new URL("fixtures/parameters.json", import.meta.url), "utf8"))),
);

/** timm's own at the published input size, counted by PyTorch: `bench/reference/multiply_adds.py`. */
const counts = new Map<string, { readonly inputSize: number; readonly multiplyAdds: number }>(
  Object.entries(JSON.parse(readFileSync(new URL("fixtures/multiply_adds.json", import.meta.url), "utf8"))),
);

/** Keras has this one, timm does not. */
const WITHOUT_ROW = ["mobilenetv2_130"];

function rowOf({ parameters }: Definition): Row {
  const lines = [...parameters].map(([name, { dims }]) => `${name} ${dims}\n`).toSorted();
  const learned = [...parameters.values()].filter(({ role }) => role !== "running");
  return {
    learned: learned.reduce((sum, { dims }) => sum + elementCount(dims), 0),
    tensors: parameters.size,
    digest: createHash("sha256").update(lines.join("")).digest("hex"),
  };
}

const IMAGES = 2;

/** Shapes of all tensors for that many images; parameters are declared as inputs, so that they take no memory. */
function shapesOf({ graph, parameters }: Definition) {
  const declared = [...parameters].map(([name, { dims }]) => ({ name, type: "float32" as const, dims }));
  const [image] = graph.inputs;
  return inferShapes(modelOf({ ...graph, inputs: [...graph.inputs, ...declared] }), {
    image: [IMAGES, ...(image!.dims!.slice(1) as number[])],
  });
}

/** Parameters and graph inputs on which a tensor depends, without those behind `stop`. */
function sourcesOf({ graph }: Definition, tensor: string, stop?: string): Set<string> {
  const { producer } = lookup(graph);
  const found = new Set<string>();
  const seen = new Set<string>();
  const pending = [tensor];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next) || next === stop) continue;
    seen.add(next);
    const node = producer(next);
    if (node) pending.push(...node.inputs);
    else if (!graph.initializers.has(next)) found.add(next);
  }
  return found;
}

describe.each([...architectures])("%s", (name, build) => {
  const definition = build();

  it.skipIf(WITHOUT_ROW.includes(name))("has timm's parameters", () => {
    expect(rowOf(definition)).toEqual(rows.get(name));
  });

  it.skipIf(WITHOUT_ROW.includes(name))("has timm's input size and multiply-adds", async () => {
    const found = multiplyAdds(definition.graph, await shapesOf(definition)) / IMAGES;
    expect({ inputSize: definition.inputSize, multiplyAdds: found }).toEqual({
      inputSize: counts.get(name)?.inputSize,
      multiplyAdds: counts.get(name)?.multiplyAdds,
    });
  });

  it("consists of its stages, each of which reads only the one before", () => {
    const { stages, features, parameters, classifier } = definition;
    const staged = new Set<string>();
    for (const [index, { name, output }] of stages.entries()) {
      const before = stages[index - 1]?.output ?? "image";
      const own = sourcesOf(definition, output, before);
      expect(
        [...own].filter((source) => !parameters.has(source)),
        `sources of ${name}`,
      ).toEqual([]);
      expect(own.size, `parameters of ${name}`).toBeGreaterThan(0);
      for (const parameter of own) staged.add(parameter);
    }
    expect([...sourcesOf(definition, features.tensor, stages.at(-1)!.output)], "after the last stage").toEqual([]);
    const rest = [...parameters.keys()].filter((parameter) => !staged.has(parameter));
    expect(rest.toSorted()).toEqual([...parameters.keys()].filter((p) => p.startsWith(`${classifier}.`)).toSorted());
  });

  it("has features and logits of the declared shapes, also for another size and number of classes", async () => {
    for (const each of [definition, build({ classes: 7, inputSize: 2 * definition.inputSize })]) {
      const shapes = await shapesOf(each);
      expect(shapes.get(each.features.tensor)?.dims).toEqual([IMAGES, each.features.size]);
      const [output] = each.graph.outputs;
      expect(shapes.get(output!.name)?.dims).toEqual([IMAGES, output!.dims![1]]);
    }
  });
});

describe("VGG", () => {
  it.each([32, 64, 223, 256, 448])("takes images of %i px", async (inputSize) => {
    const vgg = define("vgg11", { inputSize });
    const shapes = await shapesOf(vgg);
    expect(shapes.get("logits")?.dims).toEqual([IMAGES, 1000]);
    expect(rowOf(vgg)).toEqual(rows.get("vgg11"));
  });
});

describe("MobileNetV2 of any width", () => {
  it("is the published network at its widths", () => {
    expect(rowOf(mobilenetV2Of(1.4))).toEqual(rows.get("mobilenetv2_140"));
    expect(mobilenetV2Of(0.35).name).toBe("mobilenetv2_035");
  });

  it("keeps channels a multiple of 8, at most a tenth below the width", () => {
    for (const width of [0.1, 0.25, 0.6, 0.99, 1.3, 2]) {
      const stem = mobilenetV2Of(width).parameters.get("conv_stem.weight")!.dims[0]!;
      expect(stem % 8).toBe(0);
      expect(stem).toBeGreaterThanOrEqual(0.9 * 32 * width);
    }
  });

  it("refuses absurd widths", () => {
    expect(() => mobilenetV2Of(0)).toThrow("between 0.05 and 8 times");
    expect(() => mobilenetV2Of(Number.NaN)).toThrow("not NaN");
  });
});

describe("options", () => {
  it("refuses an unknown name and suggests similar ones", () => {
    expect(() => define("resnet_50")).toThrow('Unknown architecture "resnet_50"; did you mean resnet50');
  });

  it("refuses options that an architecture does not support", () => {
    expect(() => define("resnet18", { dialect: "keras" })).toThrow("resnet18 is available as timm only, not as keras");
    expect(() => define("resnet50", { classes: 0 })).toThrow("integer >= 1, not 0");
    expect(() => define("resnet50", { inputSize: 1.5 })).toThrow("integer >= 1, not 1.5");
    expect(() => define("inception_v3", { inputSize: 60 })).toThrow("inception_v3 cannot process images of 60 px");
  });

  it("gives Keras' ResNet50 as many parameters as Keras reports", () => {
    // keras.applications.ResNet50().summary(): trainable parameters
    expect(rowOf(define("resnet50", { dialect: "keras" })).learned).toBe(25_583_592);
    expect(rowOf(define("inception_v3", { dialect: "keras" })).learned).toBe(23_817_352);
  });
});
