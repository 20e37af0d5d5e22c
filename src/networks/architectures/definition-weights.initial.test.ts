/** Fresh weights of whole networks, by their size, against the initial weights of timm's networks. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createRandom } from "../../base/random.ts";
import { asFloat32 } from "../../onnx/model.ts";
import { define } from "./architecture-registry.ts";
import { freshWeights } from "./definition-weights.ts";

/** Median sizes by network and parameter: the few stray values of PyTorch's truncated normal do not show in them. */
const fixture: Readonly<Record<string, Readonly<Record<string, number>>>> = JSON.parse(
  readFileSync(new URL("fixtures/initial_weights.json", import.meta.url), "utf8"),
);

/** Divided by the square root of the number of values: five deviations of the difference of two medians of normal numbers. */
const CHANCE = 8;

it.each(Object.entries(fixture))("%s starts as timm's does", (name, expected) => {
  const definition = define(name);
  const parameters = new Map([...definition.parameters].filter(([parameter]) => Object.hasOwn(expected, parameter)));
  expect(parameters.size).toBe(Object.keys(expected).length);
  for (const [parameter, tensor] of freshWeights({ ...definition, parameters }, createRandom(1))) {
    const values = asFloat32(tensor);
    const found = values.map(Math.abs).sort()[(values.length - 1) >> 1]!;
    const constant = parameters.get(parameter)!.initialiser.kind === "constant";
    const chance = constant ? 1e-6 : CHANCE / Math.sqrt(values.length);
    const wanted = expected[parameter]!;
    expect(Math.abs(found - wanted), parameter).toBeLessThanOrEqual(chance * wanted);
  }
});
