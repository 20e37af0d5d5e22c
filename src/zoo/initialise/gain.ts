/**
 * How much a layer's weights must be enlarged so that the activation behind it does not shrink the signal. Found by
 * following the layer's output to the first activation; a sum of two branches, a product or the end has none.
 */

import type { Node } from "../../graph/model.ts";
import { floatAttribute } from "../../graph/model.ts";
import { asFloat32 } from "../../graph/tensor.ts";
import type { Anatomy } from "./anatomy.ts";

/** What a layer's output runs into. */
export type Following = { readonly kind: "rectifier"; readonly gain: number } | { readonly kind: "other" };

const other: Following = { kind: "other" };
/** Half of the signal is cut off: He et al. 2015, arXiv 1502.01852, equation 10. The smooth ones behave alike. */
const rectifier: Following = { kind: "rectifier", gain: Math.SQRT2 };
/** With slope a below zero √(2 / (1 + a²)): the same, equation 15. */
const leaky = (slope: number): Following => ({ kind: "rectifier", gain: Math.sqrt(2 / (1 + slope ** 2)) });

const activations: Readonly<Record<string, (node: Node, of: Anatomy) => Following | undefined>> = {
  Relu: () => rectifier,
  ThresholdedRelu: () => rectifier,
  Elu: () => rectifier,
  Celu: () => rectifier,
  Gelu: () => rectifier,
  Mish: () => rectifier,
  HardSwish: () => rectifier,
  Softplus: () => rectifier,
  // Only GELU uses it.
  Erf: () => rectifier,
  LeakyRelu: (node) => leaky(floatAttribute(node, "alpha", 0.01)),
  // What PyTorch begins with, and so does draw.ts.
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

/** Gates: a value times one of these of itself is a smooth rectifier (SiLU, hard swish, GELU by tanh, Mish). */
const gates = new Set(["Sigmoid", "HardSigmoid", "Tanh"]);

/** Operators behind which the signal is still the layer's: they move, pool, normalise or shift it. */
const passing = new Set([
  ..."Add Sub Mul Div Pow Reshape Transpose Flatten Squeeze Unsqueeze Identity Dropout Cast Pad Concat Split Slice".split(
    " ",
  ),
  ..."BatchNormalization LayerNormalization InstanceNormalization GroupNormalization MaxPool AveragePool".split(" "),
  ..."GlobalAveragePool Clip".split(" "),
]);
/** Of these, those that join branches, behind which the signal is no longer the layer's alone. */
const joining = new Set(["Add", "Sub", "Mul", "Div"]);

/** What the output of a layer runs into. */
export function following(output: string, of: Anatomy): Following {
  const { made, flow } = of;
  const seen = new Set<string>();
  const pending: { readonly tensor: string; readonly isSplit: boolean }[] = [{ tensor: output, isSplit: false }];
  let found: Following = other;
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
