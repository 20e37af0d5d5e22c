/** The rules against PyTorch's autograd: bench/reference/gradients.py writes and describes the values. */
import { describe, expect, test } from "vitest";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import {
  type AttributeLike,
  elementCount,
  float32Tensor,
  int64Tensor,
  modelOf,
  node,
  rawTensor,
  type Tensor,
} from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { gradients, subjects } from "../gradients.ts";
import reference from "./pytorch.reference.json" with { type: "json" };

interface Constant {
  readonly type: string;
  readonly dims: readonly number[];
  readonly values: readonly number[];
  /** Whether it comes before the inputs that are differentiated. */
  readonly first?: boolean;
}

interface Case {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly opset: number;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly attributes: Readonly<Record<string, AttributeLike>>;
  readonly fill: Readonly<Record<string, string>>;
  readonly constants: Readonly<Record<string, Constant | null>>;
  readonly gradients: Readonly<Record<string, { readonly step: number; readonly values: readonly number[] }>>;
}

const fills: Readonly<Record<string, (wave: number) => number>> = {
  // NumPy rounds halves to even; none of the waves meets one.
  ties: (wave) => Math.round(wave * 2) / 2,
  positive: (wave) => wave + 2,
};

function waves(dims: readonly number[], k: number, fill: string | undefined): Float32Array {
  const values = Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(1.3 * i + 0.7 * k + 0.5));
  return Float32Array.from(values, fills[fill ?? ""] ?? ((wave) => wave));
}

function constant({ type, dims, values }: Constant): Tensor {
  if (type === "bool") return rawTensor("bool", dims, Uint8Array.from(values));
  return type === "int64" ? int64Tensor(dims, values) : float32Tensor(dims, values);
}

/** Outputs that a node must have beside the first. */
const furtherOutputs = ({ op, attributes }: Case): readonly string[] => {
  if (op === "Split") return ["unread"];
  return attributes.training_mode === 1 ? ["mean", "variance"] : [];
};

const cases = reference.cases as unknown as readonly Case[];

describe("gradients agree with PyTorch", () => {
  test("are known for every operator that has a rule", () => {
    const known = new Set(cases.map(({ domain, op }) => (domain === "" ? op : `${domain}.${op}`)));
    const ruled = Object.values(subjects).flatMap((rules) => Object.entries(rules));
    expect(ruled.filter(([op, how]) => how.kind === "rule" && !known.has(op)).map(([op]) => op)).toEqual([]);
  });

  test.each(cases)("$op $name", async (of) => {
    const constants = Object.entries(of.constants);
    const given = (first: boolean): string[] =>
      constants.filter(([, value]) => (value?.first ?? false) === first).map(([name, value]) => (value ? name : ""));
    const inputs = [...given(true), ...Object.keys(of.inputs), ...given(false)];
    const initializers = new Map(
      constants.flatMap(([name, value]) => (value ? [[name, constant(value)] as const] : [])),
    );
    const outputs = ["y", ...furtherOutputs(of)];
    const forward = {
      name: of.op,
      nodes: [{ ...node(of.op, inputs, outputs, of.attributes), domain: of.domain }],
      inputs: Object.entries(of.inputs).map(([name, dims]) => ({ name, type: "float32" as const, dims })),
      outputs: [{ name: "y" }],
      initializers,
    };
    const versioned = (graph: typeof forward) => ({
      ...modelOf(graph),
      opsets: new Map([["", of.opset]]),
      irVersion: 10,
    });
    const shapes = new Map(await measureShapes(versioned(forward), of.inputs));
    const yielded = shapes.get("y")!.dims;
    const weight = Float32Array.from({ length: elementCount(yielded) }, (_, i) => Math.cos(0.9 * i + 1));
    shapes.set("weight", { type: "float32", dims: yielded });
    shapes.set("weighted", { type: "float32", dims: yielded });
    shapes.set("loss", { type: "float32", dims: [] });
    const { graph, gradientOf } = gradients(
      {
        ...forward,
        nodes: [
          ...forward.nodes,
          node("Mul", ["y", "weight"], ["weighted"]),
          node("ReduceSum", ["weighted"], ["loss"], { keepdims: 0 }),
        ],
        initializers: new Map([...initializers, ["weight", float32Tensor(yielded, weight)]]),
      },
      shapes,
      "loss",
      Object.keys(of.gradients),
    );
    const session = await openSession(encodeModelWhole(versioned({ ...forward, ...graph } as typeof forward)), {
      threads: 1,
    });
    const feeds = Object.entries(of.inputs).map(([name, dims], k) => {
      return [name, { dims, data: waves(dims, k, of.fill[name]) }] as const;
    });
    const result = await session.run(Object.fromEntries(feeds));
    await session.close();
    for (const [name, { step, values }] of Object.entries(of.gradients)) {
      const computed = Array.from(result[gradientOf.get(name)!]!.data, Number).filter((_, i) => i % step === 0);
      const size = Math.max(...values.map(Math.abs));
      expect(computed.length).toBe(values.length);
      for (const [i, value] of values.entries()) {
        expect(Math.abs(computed[i]! - value), `${name}[${i * step}] = ${computed[i]}, not ${value}`).toBeLessThan(
          1e-5 * (size + 1),
        );
      }
    }
  });
});
