/** Converts Keras' activations, by name, to ONNX nodes. */
import { dataError } from "../../base/errors.ts";
import { float } from "../../graph/model.ts";
import type { Builder, Place } from "./builder.ts";

type Activate = (builder: Builder, input: Place, output: string) => Place;

const one =
  (op: string, attributes: Parameters<Builder["add"]>[4] = {}): Activate =>
  (builder, { name, shape }, output) =>
    builder.add(op, [name], output, shape, attributes);

/** Clamps to [0, `most`]. */
export const reluUpTo =
  (most: number): Activate =>
  (builder, { name, shape }, output) =>
    builder.add(
      "Clip",
      [name, builder.floats("clip/0", [], [0]), builder.floats(`clip/${most}`, [], [most])],
      output,
      shape,
    );

const swish: Activate = (builder, input, output) => {
  const gate = builder.add("Sigmoid", [input.name], `${output}/gate`, input.shape);
  return builder.add("Mul", [input.name, gate.name], output, input.shape);
};

const activations: Readonly<Record<string, Activate>> = {
  linear: one("Identity"),
  relu: one("Relu"),
  relu6: reluUpTo(6),
  sigmoid: one("Sigmoid"),
  tanh: one("Tanh"),
  elu: one("Elu"),
  selu: one("Selu"),
  softplus: one("Softplus"),
  softmax: one("Softmax", { axis: 1 }),
  hard_sigmoid: one("HardSigmoid", { alpha: float(0.2), beta: float(0.5) }),
  swish,
  silu: swish,
};

/** Applies an activation. Throws a data error with its name if Graft does not support it. */
export function activate(builder: Builder, kind: string, input: Place, output: string): Place {
  const apply = Object.hasOwn(activations, kind) ? activations[kind] : undefined;
  if (!apply) throw dataError(`Graft does not support the activation "${kind}" of "${output}".`);
  return apply(builder, input, output);
}
