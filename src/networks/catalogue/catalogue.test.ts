/** The figures of the rows, compared with the graphs. Contacts neither the hub nor npm. */
import { describe, expect, it } from "vitest";
import { multiplyAdds } from "../../onnx/analysis/multiply-adds.ts";
import { elementCount, modelOf } from "../../onnx/model.ts";
import { inferShapes } from "../../onnx/session/shapes.ts";
import { define } from "../architectures/architecture-registry.ts";
import { catalogue, DEFAULT_NETWORK } from "./catalogue.ts";

describe("the catalogue", () => {
  it("has at least 30 networks, unique names, and the default", () => {
    const names = catalogue.map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(30);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain(DEFAULT_NETWORK);
    for (const name of ["vgg16", "inception_v3", "resnet50"]) expect(names).toContain(name);
  });
});

describe.each(catalogue.filter(({ source }) => source.kind === "hub"))("$name", (entry) => {
  it("has the features, parameters and multiply-adds of its graph", async () => {
    const { graph, parameters, features } = define(entry.architecture!, { inputSize: entry.inputSize });
    const learned = [...parameters.values()].filter(({ role }) => role !== "running");
    const declared = [...parameters].map(([name, { dims }]) => ({ name, type: "float32", dims }) as const);
    const model = modelOf({ ...graph, inputs: [...graph.inputs, ...declared] });
    const shapes = await inferShapes(model, { image: [1, 3, entry.inputSize, entry.inputSize] });
    expect({
      features: features.size,
      parameters: learned.reduce((sum, { dims }) => sum + elementCount(dims), 0),
      multiplyAdds: multiplyAdds(graph, shapes),
    }).toEqual({ features: entry.features, parameters: entry.parameters, multiplyAdds: entry.multiplyAdds });
    expect(entry.preprocessing.size).toBe(entry.inputSize);
  });
});
