/**
 * For tests only: checks the gradient of a small graph against central finite differences of ONNX Runtime's results.
 */
import fc from "fast-check";
import { expect } from "vitest";
import { createRandom, type Random } from "../base/random.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import {
  elementCount,
  float32Tensor,
  GRAFT_OPSET,
  type Graph,
  type Model,
  modelOf,
  type Node,
  node,
  rawTensor,
  type Tensor,
} from "../onnx/model.ts";
import { openSession, type RuntimeTensor } from "../onnx/session/session.ts";
import { measureShapes } from "../onnx/session/shapes.ts";

import { gradients } from "./gradients.ts";

type FloatType = "float32" | "float64";

/** A graph input that is differentiated with respect to. */
export interface Variable {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

export interface Check {
  readonly nodes: readonly Node[];
  readonly variables: Readonly<Record<string, Variable>>;
  readonly constants?: Readonly<Record<string, Tensor>> | undefined;
  /** Outputs that the loss sums with random weights; default `y`. */
  readonly outputs?: readonly string[] | undefined;
  /** float64 if ONNX Runtime has the operators in it: a much stricter test. */
  readonly type?: FloatType | undefined;
  /** Largest difference allowed, relative to the gradient's size. */
  readonly tolerance?: number | undefined;
  /** The operator set; default the one that Graft writes. */
  readonly opset?: number | undefined;
  /** Inputs to differentiate with respect to; default all. */
  readonly towards?: readonly string[] | undefined;
}

/** `dims` filled with normally distributed numbers (Box–Muller). */
export function normal(random: Random, dims: readonly number[], scale = 1): Variable {
  const one = (): number => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return { dims, values: Array.from({ length: elementCount(dims) }, () => scale * one()) };
}

/**
 * `dims` filled with distinct numbers in random order, evenly spaced around zero and none of them near it: for operators
 * with kinks, which finite differences must not cross.
 */
export function apart(random: Random, dims: readonly number[], spacing = 0.25): Variable {
  const count = elementCount(dims);
  const values = random.shuffle(Array.from({ length: count }, (_, i) => (i - Math.floor(count / 2) + 0.5) * spacing));
  return { dims, values };
}

/** `dims` filled with numbers spread evenly over a range. */
export function between(random: Random, dims: readonly number[], low: number, high: number): Variable {
  return { dims, values: Array.from({ length: elementCount(dims) }, () => low + (high - low) * random.next()) };
}

/** Two shapes that broadcast to each other. */
export const broadcasting = fc
  .record({
    dims: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 0, maxLength: 3 }),
    ones: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    dropped: fc.tuple(fc.nat(3), fc.nat(3)),
  })
  .map(({ dims, ones, dropped }) => {
    const side = (offset: number, drop: number): number[] =>
      dims.map((size, i) => (ones[i + offset] ? 1 : size)).slice(Math.min(drop, dims.length));
    return [side(0, dropped[0]), side(3, dropped[1])] as const;
  });

const toTensor = (type: FloatType, { dims, values }: Variable): Tensor =>
  type === "float32"
    ? float32Tensor(dims, values)
    : rawTensor("float64", dims, new Uint8Array(Float64Array.from(values).buffer));

const toRuntime = (type: FloatType, { dims, values }: Variable): RuntimeTensor => ({
  dims,
  data: type === "float32" ? Float32Array.from(values) : Float64Array.from(values),
});

const numbers = (tensor: RuntimeTensor | undefined): number[] => Array.from(tensor?.data ?? [], Number);

/** The operator between the first node's data and its output, in a graph with a loss: Σ weight × output. */
function withLoss(check: Check, type: FloatType): Graph {
  return {
    name: "check",
    nodes: check.nodes,
    inputs: Object.entries(check.variables).map(([name, { dims }]) => ({ name, type, dims })),
    outputs: (check.outputs ?? ["y"]).map((name) => ({ name })),
    initializers: new Map(Object.entries(check.constants ?? {})),
  };
}

/** Expects the gradient of every variable to agree with finite differences along random directions. */
export async function expectGradient(check: Check, random: Random = createRandom(1)): Promise<void> {
  const type = check.type ?? "float32";
  const outputs = check.outputs ?? ["y"];
  const forward = withLoss(check, type);
  const model = (graph: Graph): Model => ({
    ...modelOf(graph),
    irVersion: 10,
    opsets: new Map([
      ["", check.opset ?? GRAFT_OPSET],
      ["com.microsoft", 1],
    ]),
  });
  const inputDims = Object.fromEntries(Object.entries(check.variables).map(([name, { dims }]) => [name, dims]));
  const shapes = new Map(await measureShapes(model(forward), inputDims));
  const weights = outputs.map((name) => normal(random, shapes.get(name)!.dims));

  // The loss as nodes.
  const nodes = outputs.flatMap((name, i) => [
    node("Mul", [name, `weight${i}`], [`weighted${i}`]),
    node("ReduceSum", [`weighted${i}`], [`part${i}`], { keepdims: 0 }),
  ]);
  nodes.push(
    node(
      "Sum",
      outputs.map((_, i) => `part${i}`),
      ["loss"],
    ),
  );
  for (const [i, { dims }] of weights.entries()) {
    for (const name of [`weight${i}`, `weighted${i}`]) shapes.set(name, { type, dims });
    shapes.set(`part${i}`, { type, dims: [] });
  }
  shapes.set("loss", { type, dims: [] });
  const whole: Graph = {
    ...forward,
    nodes: [...forward.nodes, ...nodes],
    outputs: [{ name: "loss" }],
    initializers: new Map([
      ...forward.initializers,
      ...weights.map((weight, i) => [`weight${i}`, toTensor(type, weight)] as const),
    ]),
  };
  const towards = check.towards ?? Object.keys(check.variables);
  const { graph, gradientOf } = gradients(whole, shapes, "loss", towards);

  const feeds = Object.fromEntries(Object.entries(check.variables).map(([name, v]) => [name, toRuntime(type, v)]));
  const backwardSession = await openSession(encodeModelWhole(model(graph)), { threads: 1, optimise: false });
  const result = await backwardSession.run(feeds);
  await backwardSession.close();

  const session = await openSession(encodeModelWhole(model(forward)), { threads: 1, optimise: false });
  const loss = async (name: string, values: readonly number[]): Promise<number> => {
    const moved = { ...feeds, [name]: toRuntime(type, { dims: check.variables[name]!.dims, values }) };
    const outcome = await session.run(moved);
    return outputs.reduce((sum, output, i) => {
      const y = numbers(outcome[output]);
      return sum + y.reduce((part, value, k) => part + value * weights[i]!.values[k]!, 0);
    }, 0);
  };
  for (const name of towards) {
    const variable = check.variables[name]!;
    const gradient = result[gradientOf.get(name)!]!;
    expect(gradient.dims, `shape of the gradient towards ${name}`).toEqual(variable.dims);
    await expectSlopes(variable.values, numbers(gradient), (values) => loss(name, values), random, {
      step: type === "float64" ? 1e-3 : 0.02,
      tolerance: check.tolerance ?? (type === "float64" ? 1e-6 : 2e-3),
      called: `gradient towards ${name}`,
    });
  }
  await session.close();
}

/** Compares directional derivatives: the fourth-order central difference, over five points. */
async function expectSlopes(
  at: readonly number[],
  gradient: readonly number[],
  loss: (values: readonly number[]) => Promise<number>,
  random: Random,
  { step, tolerance, called }: { step: number; tolerance: number; called: string },
): Promise<void> {
  const here = at.map((value) => Math.fround(value));
  for (let direction = 0; direction < 3; direction++) {
    const along = at.map(() => 2 * random.next() - 1);
    const [far, near, nearer, farther] = await Promise.all(
      [-2, -1, 1, 2].map((times) => loss(here.map((value, i) => value + times * step * along[i]!))),
    );
    const measured = (far! - 8 * near! + 8 * nearer! - farther!) / (12 * step);
    const terms = gradient.map((slope, i) => slope * along[i]!);
    const computed = terms.reduce((a, b) => a + b, 0);
    const size = Math.sqrt(terms.reduce((sum, term) => sum + term ** 2, 0));
    expect(Math.abs(measured - computed), `${called}: ${computed}, finite differences ${measured}`).toBeLessThanOrEqual(
      tolerance * (size + 0.1),
    );
  }
}
