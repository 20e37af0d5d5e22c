/**
 * Losses as pieces of a training graph: cross-entropy, binary cross-entropy and losses for regression, as in PyTorch. Each turns a
 * prediction and labels into one number. Gradients are derived elsewhere.
 */
import { float32Tensor, int64Tensor, type TensorType, type Value } from "../onnx/model.ts";
import type { Ref } from "./graph-builder.ts";
import { floatTensor, type Operations } from "./graph-operations.ts";

/** A loss as a piece of a training step. */
export interface Loss {
  /** The inputs of each batch for a prediction of shape `dims`: the labels and whatever else the loss reads. */
  inputs(prediction: { readonly type: TensorType; readonly dims: readonly number[] }): readonly LossInput[];
  /** Writes the loss, a scalar, from the prediction and the inputs in the order of their declaration. */
  write(build: Operations, prediction: Ref, inputs: readonly Ref[]): Ref;
}

/** A graph input of static shape. */
export type LossInput = Value & { readonly type: TensorType; readonly dims: readonly number[] };

/** The mean of all elements. */
export const meanOf = (build: Operations, x: Ref): Ref => build.mean(x, undefined, false);

// Cross-entropy of logits and classes, as in PyTorch's `CrossEntropyLoss`.

export interface CrossEntropyOptions {
  /** The share of the target that is spread evenly over all classes, 0 … 1; default 0 (Szegedy et al., arXiv 1512.00567, §7). */
  readonly labelSmoothing?: number | undefined;
  /** A weight for each class; default 1. */
  readonly classWeights?: readonly number[] | undefined;
  /**
   * `classes`: an int64 `labels` [N] of class numbers. `probabilities`: a floating-point `labels` [N, C] whose rows add up
   * to 1, such as those of mixup. Default `classes`.
   */
  readonly labels?: "classes" | "probabilities" | undefined;
}

/**
 * The mean cross-entropy of logits `[N, C]`. With class weights and class numbers the mean is weighted (divided by the sum of the
 * labels' weights); with probabilities it is divided by N. Both as in PyTorch.
 *
 * @throws RangeError if the label smoothing is not within 0 … 1
 */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  const { labelSmoothing = 0, classWeights, labels = "classes" } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new RangeError(`Label smoothing is within 0 … 1, not ${labelSmoothing}.`);
  return {
    inputs: ({ type, dims }): readonly LossInput[] =>
      labels === "classes"
        ? [{ name: "labels", type: "int64", dims: dims.slice(0, 1) }]
        : [{ name: "labels", type, dims }],
    write: (build, logits, [given]) => {
      const classes = logits.dims[1]!;
      const weights = weightRow(build, logits, classWeights);
      const hard = labels === "classes" ? oneHot(build, given!, logits) : undefined;
      const target = hard ?? given!;
      const smooth =
        labelSmoothing === 0 ? target : build.add(build.mul(target, 1 - labelSmoothing), labelSmoothing / classes);
      const logarithms = build.emit("LogSoftmax", [logits], logits.dims, { axis: 1 });
      const weighted = weights ? build.mul(smooth, weights) : smooth;
      const sum = build.neg(build.sum(build.mul(weighted, logarithms), undefined, false));
      const count = hard && weights ? build.sum(build.mul(hard, weights), undefined, false) : logits.dims[0]!;
      return build.div(sum, count);
    },
  };
}

function weightRow(build: Operations, logits: Ref, weights: readonly number[] | undefined): Ref | undefined {
  if (!weights) return undefined;
  const classes = logits.dims[1]!;
  if (weights.length !== classes) throw new RangeError(`${weights.length} class weights for ${classes} classes.`);
  return build.constant(floatTensor(logits.type, [1, classes], weights), "classWeights");
}

/** Class numbers `[N]` as one-hot rows `[N, C]`. */
function oneHot(build: Operations, labels: Ref, { dims, type }: Ref): Ref {
  const depth = build.constant(int64Tensor([], [dims[1]!]));
  const values = build.constant(float32Tensor([2], [0, 1]));
  return build.cast(build.emit("OneHot", [labels, depth, values], dims, { axis: -1 }, "float32"), type);
}

// Binary cross-entropy of independent labels, as in PyTorch's `BCEWithLogitsLoss`.

export interface BinaryCrossEntropyOptions {
  /** The weight of positive labels relative to negative ones, for each class; default 1. */
  readonly positiveWeights?: readonly number[] | undefined;
}

/**
 * The mean over all elements of −p t log σ(x) − (1 − t) log(1 − σ(x)), for logits x `[N, C]` and `labels` t of the same shape in
 * 0 … 1. Uses softplus so that no exponential overflows.
 */
export function binaryCrossEntropy({ positiveWeights }: BinaryCrossEntropyOptions = {}): Loss {
  return {
    inputs: ({ type, dims }) => [{ name: "labels", type, dims }],
    write: (build, logits, [labels]) => {
      // log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|)
      const logarithm = build.unary("Log", build.add(build.unary("Exp", build.neg(build.unary("Abs", logits))), 1));
      const softplus = build.add(build.unary("Relu", logits), logarithm);
      // −log σ(x) = softplus(x) − x
      const positive = build.sub(softplus, logits);
      if (!positiveWeights) return meanOf(build, build.sub(softplus, build.mul(labels!, logits)));
      const weights = build.constant(floatTensor(logits.type, [1, positiveWeights.length], positiveWeights));
      const yes = build.mul(build.mul(labels!, weights), positive);
      return meanOf(build, build.add(yes, build.mul(build.oneMinus(labels!), softplus)));
    },
  };
}

// Losses for regression, as in PyTorch's `MSELoss` and `HuberLoss`: means over all elements.

/** The mean squared error of a prediction and `labels` of the same shape. */
export const meanSquared: Loss = {
  inputs: ({ type, dims }) => [{ name: "labels", type, dims }],
  write: (build, prediction, [labels]) => meanOf(build, build.square(build.sub(prediction, labels!))),
};

/**
 * Squared up to a difference of `delta`, linear beyond: d²/2 where |d| ≤ δ, else δ (|d| − δ/2).
 * Source: Huber, "Robust estimation of a location parameter" (1964).
 *
 * @param delta default 1
 * @throws RangeError if it is not positive
 */
export function huber(delta = 1): Loss {
  if (!(delta > 0)) throw new RangeError(`Huber's delta is positive, not ${delta}.`);
  return {
    inputs: ({ type, dims }) => [{ name: "labels", type, dims }],
    write: (build, prediction, [labels]) => {
      const distance = build.unary("Abs", build.sub(prediction, labels!));
      const near = build.minimum(distance, delta);
      const beyond = build.sub(distance, near);
      return meanOf(build, build.add(build.mul(build.square(near), 0.5), build.mul(beyond, delta)));
    },
  };
}
