/** Cross-entropy of logits and classes, as in PyTorch's `CrossEntropyLoss`. */
import { float32Tensor, int64Tensor } from "../../graph/tensor.ts";
import type { Ref } from "../build/builder.ts";
import { floatTensor, type Operations } from "../build/operations.ts";
import type { Loss, LossInput } from "./loss.ts";

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
