/**
 * Finds the values of small tensors that are known before anything runs: constants, and integers computed from constants and static
 * shapes, as PyTorch's exporter writes them for slices and reshapes (`Shape` → `Gather` → `Concat` …).
 */
import {
  asFloat32,
  asIntegers,
  elementCount,
  type Graph,
  intAttribute,
  intsAttribute,
  type Node,
  type Tensor,
  type TensorShape,
} from "../onnx/model.ts";
import { normalAxis } from "./graph-operations.ts";

/** The largest tensor that is evaluated, in elements: gradients need axes, sizes and indices. */
const LARGEST = 65_536;

type Values = readonly number[];

export interface Constants {
  /** The values of an integer tensor, in row-major order; undefined if they depend on the inputs. */
  integers(tensor: string): Values | undefined;
  /** The values of a float32 or float64 constant; undefined for any other tensor. */
  floats(tensor: string): Values | undefined;
}

/** The known values of a graph. */
export function constants(graph: Graph, shapes: ReadonlyMap<string, TensorShape>): Constants {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const known = new Map<string, Values | undefined>();

  const stored = (tensor: string): Tensor | undefined => {
    const held = graph.initializers.get(tensor);
    const made = producers.get(tensor);
    const value = made?.op === "Constant" ? made.attributes.value : undefined;
    const found = held ?? (value?.type === "tensor" ? value.value : undefined);
    return found && elementCount(found.dims) <= LARGEST ? found : undefined;
  };

  const integers = (tensor: string): Values | undefined => {
    if (tensor === "") return undefined;
    if (known.has(tensor)) return known.get(tensor);
    known.set(tensor, undefined);
    const values = computed(tensor);
    known.set(tensor, values);
    return values;
  };

  const computed = (tensor: string): Values | undefined => {
    const held = stored(tensor);
    if (held) return isInteger(held.type) ? asIntegers(held) : undefined;
    const node = producers.get(tensor);
    const shape = shapes.get(tensor);
    if (!node || !shape || !isInteger(shape.type) || elementCount(shape.dims) > LARGEST) return undefined;
    const evaluate = evaluators[node.op];
    if (!evaluate) return undefined;
    if (node.op === "Constant") return listed(node);
    if (node.op === "Shape") return evaluate(node, [shapes.get(node.inputs[0]!)?.dims ?? []], []);
    const inputs = node.inputs.map(integers);
    const dims = node.inputs.map((input) => shapes.get(input)?.dims ?? []);
    return inputs.every((values) => values !== undefined) ? evaluate(node, inputs, dims) : undefined;
  };

  const floats = (tensor: string): Values | undefined => {
    const held = stored(tensor);
    if (held?.type === "float32") return [...asFloat32(held)];
    if (held?.type !== "float64") return undefined;
    const view = new DataView(held.bytes.buffer, held.bytes.byteOffset, held.bytes.byteLength);
    return Array.from({ length: elementCount(held.dims) }, (_, index) => view.getFloat64(8 * index, true));
  };
  return { integers, floats };
}

const isInteger = (type: string): boolean => type === "int64" || type === "int32";

/** The integers of a `Constant` node that has them as attributes. */
function listed(node: Node): Values | undefined {
  const single = node.attributes.value_int;
  return single?.type === "int" ? [single.value] : intsAttribute(node, "value_ints");
}

/** Computes a node's integer output from its integer inputs and their shapes; undefined if that case is not covered. */
type Evaluator = (node: Node, inputs: readonly Values[], dims: readonly (readonly number[])[]) => Values | undefined;

const same: Evaluator = (_, [values]) => values;

/** Element-wise arithmetic of lists of equal length, or of a list and a single value. */
const arithmetic =
  (apply: (a: number, b: number) => number): Evaluator =>
  (_, [a = [], b = []]) => {
    if (a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined;
    const at = (values: Values, index: number): number => values[values.length === 1 ? 0 : index]!;
    return Array.from({ length: Math.max(a.length, b.length) }, (_item, index) => apply(at(a, index), at(b, index)));
  };

const evaluators: Readonly<Record<string, Evaluator>> = {
  Shape: (node, [dims = []]) => {
    const start = intAttribute(node, "start", 0);
    return dims.slice(start, intAttribute(node, "end", dims.length));
  },
  Cast: same,
  Identity: same,
  Reshape: same,
  Squeeze: same,
  Unsqueeze: same,
  Concat: (_, inputs, dims) => (dims.every(({ length }) => length === 1) ? inputs.flat() : undefined),
  Gather: (_, [values = [], indices = []], [dims = []]) =>
    dims.length === 1 ? indices.map((index) => values[normalAxis(index, values.length)]!) : undefined,
  Slice: (_, [values = [], starts = [], ends = [], axes = [0], steps = [1]], [dims = []]) => {
    if (dims.length !== 1 || axes.length !== 1 || steps[0] !== 1) return undefined;
    return values.slice(starts[0], ends[0]);
  },
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  // ONNX does not define the rounding of negative quotients; sizes are not negative.
  Div: arithmetic((a, b) => Math.trunc(a / b)),
  ConstantOfShape: (node, [dims = []]) => {
    const value = node.attributes.value;
    const fill = value?.type === "tensor" ? asIntegers(value.value)[0]! : 0;
    return elementCount(dims) <= LARGEST ? Array(elementCount(dims)).fill(fill) : undefined;
  },
  Range: (_, inputs) => {
    const [start, limit, step] = inputs.map(([value]) => value);
    if (start === undefined || limit === undefined || !step) return undefined;
    const count = Math.max(0, Math.ceil((limit - start) / step));
    return count <= LARGEST ? Array.from({ length: count }, (_item, index) => start + index * step) : undefined;
  },
  ReduceProd: (_, [values = []], [dims = []]) => (dims.length <= 1 ? [values.reduce((a, b) => a * b, 1)] : undefined),
};
