/**
 * Turns a network that was quantised with QuantizeLinear and DequantizeLinear back into one that computes in float32, so that it can be
 * trained. Weights begin with their dequantised values. Other forms of quantisation (QLinearConv, MatMulInteger) stay unchanged.
 */
import { lookup } from "../analysis/dataflow.ts";
import {
  asFloat32,
  asIntegers,
  elementCount,
  float32Tensor,
  type Graph,
  intAttribute,
  type Node,
  node,
  type Tensor,
  type TensorType,
} from "../model.ts";

/** The least and the largest integer of each type to which activations are quantised. */
const limits: Partial<Record<TensorType, readonly [number, number]>> = { uint8: [0, 255], int8: [-128, 127] };

/**
 * The same network in float32. Quantised constants become float32 constants under the name of what they are dequantised to; an
 * activation that is quantised and dequantised is clipped to the range of its integers instead: exporters leave out a ReLU that the
 * rounding does too.
 */
export function dequantise(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const { producer } = lookup(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.flatMap((of) => {
    if (of.op !== "DequantizeLinear" || of.domain !== "") return [of];
    const [output = ""] = of.outputs;
    const weight = outputs.has(output) ? undefined : dequantised(of, graph);
    if (weight) {
      initializers.set(output, weight);
      return [];
    }
    const range = clippedRange(of, producer(of.inputs[0] ?? ""), graph);
    if (!range) return [of];
    const bounds = range.between.map((value, i) => {
      const name = `${output}/${i === 0 ? "least" : "largest"}`;
      initializers.set(name, float32Tensor([], [value]));
      return name;
    });
    return [node("Clip", [range.of, ...bounds], [output])];
  });
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs]);
  const isIdle = ({ op, outputs: made }: Node): boolean =>
    op === "QuantizeLinear" && !made.some((name) => read.has(name));
  const kept = nodes.filter((of) => !isIdle(of));
  if (kept.every((of, i) => of === graph.nodes[i]) && kept.length === graph.nodes.length) return graph;
  // Only the constants of quantisation go: others may be read by subgraphs.
  const still = new Set(kept.flatMap(({ inputs }) => inputs));
  const gone = new Set(
    graph.nodes
      .flatMap(({ op, inputs }) => (/^(?:De)?[Qq]uantizeLinear$/.test(op) ? inputs : []))
      .filter((name) => !still.has(name)),
  );
  return { ...graph, nodes: kept, initializers: new Map([...initializers].filter(([name]) => !gone.has(name))) };
}

/** The scale of a quantisation; undefined unless it is a float32 constant. */
function scaleOf({ inputs }: Node, { initializers }: Graph): Tensor | undefined {
  const scale = initializers.get(inputs[1] ?? "");
  return scale?.type === "float32" ? scale : undefined;
}

/** (q − zero point) × scale of a constant, with one scale for all or one per position on the axis; undefined for anything else. */
function dequantised(of: Node, graph: Graph): Tensor | undefined {
  const [name = "", , zeroName = ""] = of.inputs;
  const [held, scale] = [graph.initializers.get(name), scaleOf(of, graph)];
  const zero = graph.initializers.get(zeroName);
  if (!held || !scale || (zeroName !== "" && !zero) || intAttribute(of, "block_size", 0) > 0) return undefined;
  const types = [held, ...(zero ? [zero] : [])].map(({ type }) => type);
  if (!types.every((type) => type === "int8" || type === "uint8" || type === "int32")) return undefined;
  const scales = asFloat32(scale);
  const zeros = zero ? asIntegers(zero) : [0];
  const axis = intAttribute(of, "axis", 1);
  const from = axis < 0 ? axis + held.dims.length : axis;
  const isSingle = scales.length === 1;
  if (!isSingle && (scale.dims.length !== 1 || held.dims[from] !== scales.length)) return undefined;
  const each = isSingle ? 1 : elementCount(held.dims.slice(from + 1));
  const channelOf = (i: number): number => (isSingle ? 0 : Math.floor(i / each) % scales.length);
  const values = asIntegers(held);
  const result = Float32Array.from(values, (value, i) => {
    const channel = channelOf(i);
    return (value - (zeros[zeros.length === 1 ? 0 : channel] ?? 0)) * scales[channel]!;
  });
  return float32Tensor(held.dims, result);
}

/** What a pair of QuantizeLinear and DequantizeLinear reads, and the range to which its rounding clips. */
function clippedRange(
  dequantiser: Node,
  quantiser: Node | undefined,
  graph: Graph,
): { readonly of: string; readonly between: readonly [number, number] } | undefined {
  if (quantiser?.op !== "QuantizeLinear" || quantiser.domain !== "") return undefined;
  const scale = scaleOf(dequantiser, graph);
  const isSame = [1, 2].every(
    (i) => quantiser.inputs[i] === dequantiser.inputs[i] || sameConstant(quantiser, dequantiser, i, graph),
  );
  if (!scale || !isSame || elementCount(scale.dims) !== 1) return undefined;
  const zeroName = dequantiser.inputs[2] ?? "";
  const zero = zeroName === "" ? undefined : graph.initializers.get(zeroName);
  if (zeroName !== "" && !zero) return undefined;
  const range = limits[zero?.type ?? "uint8"];
  if (!range || intAttribute(quantiser, "output_dtype", 0) !== 0) return undefined;
  const step = asFloat32(scale)[0]!;
  const from = zero ? asIntegers(zero)[0]! : 0;
  return { of: quantiser.inputs[0]!, between: [(range[0] - from) * step, (range[1] - from) * step] };
}

function sameConstant(a: Node, b: Node, at: number, { initializers }: Graph): boolean {
  const [one, other] = [initializers.get(a.inputs[at] ?? ""), initializers.get(b.inputs[at] ?? "")];
  return (
    one !== undefined && other !== undefined && one.type === other.type && String(one.bytes) === String(other.bytes)
  );
}
