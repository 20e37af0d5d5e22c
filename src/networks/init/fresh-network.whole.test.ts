/** Whole networks from scratch: a pretrained one with folded batch norm, and one that Graft builds. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../base/random.ts";
import { decodeModel } from "../../onnx/codec/read-model.ts";
import { elementCount } from "../../onnx/model.ts";
import { raiseOpset } from "../../onnx/passes/raise-opset.ts";
import { foldConstants } from "../../onnx/passes/simplify.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { define } from "../architectures/architecture-registry.ts";
import { freshWeights, withWeights } from "../architectures/definition-weights.ts";
import { shapesOf } from "../backbone/backbone.ts";
import { parameterNames } from "../network.ts";
import { openFile } from "../open.ts";
import { fromScratch } from "./fresh-network.ts";
import { deviations, valuesOf } from "./testing.ts";

const mobilenet = fileURLToPath(new URL("../../../../shared/networks/mobilenet_v2_100_224.onnx", import.meta.url));
const isHere = existsSync(mobilenet);

describe.skipIf(!isHere)(`MobileNetV2, folded${isHere ? "" : " (skipped: ../shared is absent)"}`, () => {
  const opened = async () => {
    const network = await openFile(mobilenet);
    return { network, shapes: await shapesOf(network) };
  };

  it("gets 52 norms back, and no parameter keeps its value", async () => {
    const { network, shapes } = await opened();
    const scratch = fromScratch(network.model, shapes, createRandom(1));
    expect(scratch.restored.length).toBe(52);
    const counts = Object.fromEntries(scratch.drawn.map(({ called, tensors }) => [called, tensors]));
    expect(counts).toEqual({
      "weights before a rectifier: He normal": 35,
      "other weights: Glorot normal": 18,
      "biases: 0": 1,
      "scales: 1": 52,
      "shifts: 0": 52,
      "running means: 0": 52,
      "running variances: 1": 52,
    });
    const { initializers } = scratch.model.graph;
    const before = network.model.graph.initializers;
    const bounds = new Set(
      network.model.graph.nodes.flatMap(({ op, inputs }) => (op === "Clip" ? inputs.slice(1) : [])),
    );
    for (const name of parameterNames(network.model.graph).filter((each) => !bounds.has(each))) {
      if (!initializers.has(name)) continue;
      const [old, fresh] = [valuesOf(network.model, name), valuesOf(scratch.model, name)];
      expect(old.filter((value, i) => value === fresh[i]).length / old.length, name).toBeLessThan(0.001);
    }
    for (const name of bounds) expect(initializers.get(name)).toBe(before.get(name));
    expect(new Set(scratch.parameters.keys())).toEqual(
      new Set(
        [...initializers.keys()].filter((name) => !bounds.has(name) && initializers.get(name)!.type === "float32"),
      ),
    );
  });

  it("is the same for the same seed", async () => {
    const { network, shapes } = await opened();
    const [one, same, other] = [4, 4, 5].map((seed) => fromScratch(network.model, shapes, createRandom(seed)).model);
    for (const name of one!.graph.initializers.keys())
      expect(Buffer.compare(same!.graph.initializers.get(name)!.bytes, one!.graph.initializers.get(name)!.bytes)).toBe(
        0,
      );
    expect(valuesOf(other!, "t56_w")).not.toEqual(valuesOf(one!, "t56_w"));
  });

  it("keeps the signal's size from the first convolution to the last", async () => {
    const { network, shapes } = await opened();
    const { model, restored } = fromScratch(network.model, shapes, createRandom(1));
    const sums = model.graph.nodes.filter(({ op }) => op === "Add").map(({ outputs }) => outputs[0]!);
    const before = restored.map((name) => `${name}/unnormalised`);
    const found = await deviations(model, [2, 3, 224, 224], [...restored, ...before, ...sums]);
    for (const name of restored) expect(Math.abs(found.get(name)! - 1), name).toBeLessThan(0.01);
    for (const name of [...before, ...sums]) {
      expect(found.get(name), name).toBeGreaterThan(0.1);
      expect(found.get(name), name).toBeLessThan(10);
    }
  });
});

const exported = JSON.parse(readFileSync(new URL("../fixtures/exported.json", import.meta.url), "utf8")) as Record<
  string,
  string
>;

describe("what exporters write", () => {
  it.each(Object.keys(exported))("%s: every list of numbers is a parameter, and the network runs", async (name) => {
    const read = raiseOpset(decodeModel(gunzipSync(Buffer.from(exported[name]!, "base64")), name));
    const input = read.graph.inputs[0]!;
    // [N, H, W, C] where the last dimension is the channels'.
    const side = (size: unknown): number => (typeof size === "number" ? size : 32);
    const dims = input.dims!.map((size, axis) => (axis === 0 && typeof size !== "number" ? 1 : side(size)));
    const model = { ...read, graph: foldConstants(read.graph) };
    const shapes = await measureShapes(model, { [input.name]: dims });
    const scratch = fromScratch(model, shapes, createRandom(1));
    const lists = [...scratch.model.graph.initializers].filter(
      ([, { type, dims: of }]) => type === "float32" && elementCount(of) > 1,
    );
    expect(new Set(lists.map(([key]) => key))).toEqual(new Set(scratch.parameters.keys()));
    const output = scratch.model.graph.outputs[0]!.name;
    const found = await deviations(scratch.model, dims, [output]);
    expect(found.get(output)).toBeGreaterThan(0);
    expect(found.get(output)).toBeLessThan(10);
  });
});

describe("an architecture that Graft builds", () => {
  it.each(["mobilenetv2_035", "vit_tiny_patch16_224", "mobilenetv3_small_050"])(
    "%s: the rule finds every parameter, and its role, from the graph alone",
    async (name) => {
      const definition = define(name, { classes: 10, inputSize: name.startsWith("vit") ? 224 : 64 });
      const model = withWeights(definition, freshWeights(definition, createRandom(1)));
      const size = definition.inputSize;
      const shapes = await measureShapes(model, { image: [1, 3, size, size] });
      const { parameters, restored } = fromScratch(model, shapes, createRandom(2));
      expect(restored).toEqual([]);
      const roles = {
        ...{ weight: "weight", bias: "bias", scale: "norm", shift: "norm", mean: "running", variance: "running" },
        ...{ token: "token", "layer scale": "scale", slope: "weight", constant: "constant" },
      } as const;
      const found = new Map([...parameters].map(([parameter, role]) => [parameter, roles[role]]));
      expect(found).toEqual(new Map([...definition.parameters].map(([parameter, { role }]) => [parameter, role])));
    },
  );
});
