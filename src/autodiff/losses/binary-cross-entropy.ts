/** Binary cross-entropy of independent labels, as in PyTorch's `BCEWithLogitsLoss`. */
import { floatTensor } from "../build/operations.ts";
import { type Loss, meanOf } from "./loss.ts";

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
