/**
 * Finds the constants of a network that training can change (parameters), as opposed to settings such as the bounds of a `Clip`. The
 * operator that reads a constant decides.
 */
import type { Graph } from "../graph/model.ts";
import { elementCount } from "../graph/tensor.ts";

/** A constant that can be trained. */
export interface Parameter {
  readonly name: string;
  /** Whether weight decay applies: to kernels and matrices, not to biases, norms, embeddings and tokens. */
  readonly decays: boolean;
}

/** The input positions at which an operator reads parameters, by whether they are kernels. */
interface Reads {
  readonly kernels: readonly number[];
  readonly others: readonly number[];
}

const kernelAndBias: Reads = { kernels: [1], others: [2] };
const scaleAndShift: Reads = { kernels: [], others: [1, 2] };
/** Either input may be a bias, a scale, a position embedding or a class token; single numbers are settings. */
const anything: Reads = { kernels: [], others: [0, 1] };

const reads: Readonly<Record<string, Reads>> = {
  Conv: kernelAndBias,
  ConvTranspose: kernelAndBias,
  Gemm: kernelAndBias,
  MatMul: { kernels: [0, 1], others: [] },
  BatchNormalization: scaleAndShift,
  LayerNormalization: scaleAndShift,
  InstanceNormalization: scaleAndShift,
  GroupNormalization: scaleAndShift,
  PRelu: scaleAndShift,
  Add: anything,
  Mul: anything,
  Concat: anything,
  Expand: { kernels: [], others: [0] },
  Gather: { kernels: [], others: [0] },
};

/** The parameters of a network, in the order in which nodes read them. */
export function parametersOf(graph: Graph): Parameter[] {
  const found = new Map<string, boolean>();
  for (const { op, inputs } of graph.nodes) {
    const { kernels, others } = reads[op] ?? { kernels: [], others: [] };
    for (const [position, name] of inputs.entries()) {
      const tensor = graph.initializers.get(name);
      if (!tensor || (tensor.type !== "float32" && tensor.type !== "float64")) continue;
      if (!kernels.includes(position) && !others.includes(position)) continue;
      if (elementCount(tensor.dims) < 2 && reads[op] === anything) continue;
      found.set(name, (found.get(name) ?? true) && kernels.includes(position));
    }
  }
  return [...found].map(([name, decays]) => ({ name, decays }));
}
