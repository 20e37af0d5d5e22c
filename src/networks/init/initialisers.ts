/**
 * The initialiser for the parameters of each role; for weights, with the gain that makes up for the activation after the layer. Roles
 * are in parameter-roles.ts; values are drawn in definition-weights.ts.
 */

import { asFloat32, floatAttribute, type Node } from "../../onnx/model.ts";
import type { Initialiser } from "../architectures/definition.ts";
import type { GraphIndex } from "./graph-index.ts";
import type { Role } from "./parameter-roles.ts";

/** How a parameter is drawn, and its description in reports. */
export interface Initialisation {
  readonly initialiser: Initialiser;
  readonly called: string;
}

const filled = (value: number, called: string): Initialisation => ({
  initialiser: { kind: "constant", value },
  called,
});

const fixed: Readonly<Record<Exclude<Role["kind"], "weight" | "constant">, Initialisation>> = {
  bias: filled(0, "biases: 0"),
  scale: filled(1, "scales: 1"),
  shift: filled(0, "shifts: 0"),
  mean: filled(0, "running means: 0"),
  variance: filled(1, "running variances: 1"),
  // As in ConvNeXt, arXiv 2201.03545.
  "layer scale": filled(1e-6, "layer scales: 1e-6"),
  // He et al. 2015.
  slope: filled(0.25, "slopes of parametric rectifiers: 0.25"),
  // Dosovitskiy et al. 2020, arXiv 2010.11929.
  token: { initialiser: { kind: "normal", std: 0.02 }, called: "tokens and embeddings: normal, deviation 0.02" },
};

/**
 * Weights before a rectifier: He's rule, with standard deviation gain / √(fan in). Other weights: Glorot's (Glorot and Bengio 2010), with
 * √(2 / (fan in + fan out)).
 */
function weightInitialisation(
  { fanIn, fanOut, output }: Extract<Role, { kind: "weight" }>,
  of: GraphIndex,
): Initialisation {
  const next = nextActivation(output, of);
  return next.kind === "rectifier"
    ? {
        initialiser: { kind: "normal", std: next.gain / Math.sqrt(fanIn) },
        called: "weights before a rectifier: He normal",
      }
    : { initialiser: { kind: "normal", std: Math.sqrt(2 / (fanIn + fanOut)) }, called: "other weights: Glorot normal" };
}

/** The initialisation for a role; undefined if it is not learned. */
export function initialisationOf(role: Role, of: GraphIndex): Initialisation | undefined {
  if (role.kind === "constant") return undefined;
  return role.kind === "weight" ? weightInitialisation(role, of) : fixed[role.kind];
}

// The gain of a layer's weights. Found by following the layer's output to the first activation; a sum of two branches, a product or
// the end of the network has none.

/** The activation after a layer. */
export type NextActivation = { readonly kind: "rectifier"; readonly gain: number } | { readonly kind: "other" };

const other: NextActivation = { kind: "other" };
/** Cuts off half of the signal: He et al. 2015, arXiv 1502.01852, equation 10. Smooth rectifiers behave similarly. */
const rectifier: NextActivation = { kind: "rectifier", gain: Math.SQRT2 };
/** With slope a below zero, √(2 / (1 + a²)): equation 15 there. */
const leaky = (slope: number): NextActivation => ({ kind: "rectifier", gain: Math.sqrt(2 / (1 + slope ** 2)) });

const activations: Readonly<Record<string, (node: Node, of: GraphIndex) => NextActivation | undefined>> = {
  Relu: () => rectifier,
  ThresholdedRelu: () => rectifier,
  Elu: () => rectifier,
  Celu: () => rectifier,
  Gelu: () => rectifier,
  Mish: () => rectifier,
  HardSwish: () => rectifier,
  Softplus: () => rectifier,
  // Only GELU uses Erf.
  Erf: () => rectifier,
  LeakyRelu: (node) => leaky(floatAttribute(node, "alpha", 0.01)),
  // The initial slope, as in PyTorch.
  PRelu: () => leaky(0.25),
  Clip: (node, { graph }) => {
    const bound = graph.initializers.get(node.inputs[1] ?? "");
    return bound?.type === "float32" && asFloat32(bound)[0]! >= 0 ? rectifier : undefined;
  },
  Tanh: () => other,
  Sigmoid: () => other,
  HardSigmoid: () => other,
  Softmax: () => other,
  LogSoftmax: () => other,
  Selu: () => other,
};

/** Gates: a value times its own gate is a smooth rectifier (SiLU, hard swish, GELU by tanh, Mish). */
const gates = new Set(["Sigmoid", "HardSigmoid", "Tanh"]);

/** Operators that only move, pool, normalise or shift a layer's output. */
const passing = new Set([
  ..."Add Sub Mul Div Pow Reshape Transpose Flatten Squeeze Unsqueeze Identity Dropout Cast Pad Concat Split Slice".split(
    " ",
  ),
  ..."BatchNormalization LayerNormalization InstanceNormalization GroupNormalization MaxPool AveragePool".split(" "),
  ..."GlobalAveragePool Clip".split(" "),
]);
/** Those that may join branches; after that, the signal is not only this layer's. */
const joining = new Set(["Add", "Sub", "Mul", "Div"]);

/** Finds the activation after a layer. */
export function nextActivation(output: string, of: GraphIndex): NextActivation {
  const { made, flow } = of;
  const seen = new Set<string>();
  const pending: { readonly tensor: string; readonly isSplit: boolean }[] = [{ tensor: output, isSplit: false }];
  let found: NextActivation = other;
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { tensor } = next;
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    const readers = made.consumers(tensor);
    const isSplit = next.isSplit || readers.length > 1;
    for (const node of readers) {
      const row = Object.hasOwn(activations, node.op) ? activations[node.op] : undefined;
      const own = isSplit && gates.has(node.op) ? rectifier : row?.(node, of);
      if (own?.kind === "rectifier") return own;
      if (own) found = own;
      const joins = joining.has(node.op) && new Set(flow.data(node)).size > 1;
      if (!own && passing.has(node.op) && !joins)
        pending.push(...node.outputs.map((made) => ({ tensor: made, isSplit })));
    }
  }
  return found;
}
