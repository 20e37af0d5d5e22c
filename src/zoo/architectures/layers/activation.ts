/** Activations: elementwise, for any shape. They use operators that ONNX Runtime has at opset 18. */
import { float } from "../../../graph/model.ts";
import { float32Tensor } from "../../../graph/tensor.ts";
import type { ArchitectureBuilder, Place } from "../builder.ts";

/** An activation as a layer. */
export type Activation = (b: ArchitectureBuilder, x: Place, name: string) => Place;

/** A scalar constant; equal numbers share one tensor. */
export const scalar = (b: ArchitectureBuilder, value: number): string =>
  b.constant(`scalar.${value}`, float32Tensor([], [value]));

const elementwise =
  (op: string, attributes: Readonly<Record<string, ReturnType<typeof float>>> = {}): Activation =>
  (b, x, name) =>
    b.add(op, [x], name, x.dims, attributes);

/** max(x, 0). */
export const relu = elementwise("Relu");

/** x between 0 and 6: arXiv 1801.04381. */
export const relu6: Activation = (b, x, name) => b.add("Clip", [x, scalar(b, 0), scalar(b, 6)], name, x.dims);

/** 1 / (1 + e^−x). */
export const sigmoid = elementwise("Sigmoid");

/** x / 6 + ½ between 0 and 1: arXiv 1905.02244. */
export const hardSigmoid = elementwise("HardSigmoid", { alpha: float(1 / 6), beta: float(0.5) });

/** x · hardSigmoid(x): arXiv 1905.02244. */
export const hardSwish = elementwise("HardSwish");

/** x · sigmoid(x), also called swish: arXiv 1702.03118. */
export const silu: Activation = (b, x, name) => b.add("Mul", [x, sigmoid(b, x, `${name}.sigmoid`)], name, x.dims);

/** ½ x (1 + erf(x / √2)), not its tanh approximation: arXiv 1606.08415. */
export const gelu: Activation = (b, x, name) => {
  const scaled = b.add("Div", [x, scalar(b, Math.SQRT2)], `${name}.scaled`, x.dims);
  const erf = b.add("Erf", [scaled], `${name}.erf`, x.dims);
  const gate = b.add("Add", [erf, scalar(b, 1)], `${name}.gate`, x.dims);
  const product = b.add("Mul", [x, gate], `${name}.product`, x.dims);
  return b.add("Mul", [product, scalar(b, 0.5)], name, x.dims);
};
