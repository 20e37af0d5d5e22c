/** A head that has learned nothing: what from-scratch training begins with. */
import type { Head } from "../../artifact/contract.ts";
import { randomFor } from "../../base/random.ts";

/** Weights uniform in ±1 / √features, biases 0: what PyTorch gives a linear layer. The same seed gives the same head. */
export function freshHead(features: number, classes: number, seed: number): Head {
  const random = randomFor(seed, "fresh head");
  const bound = 1 / Math.sqrt(features);
  return {
    weights: Float32Array.from({ length: classes * features }, () => bound * (2 * random.next() - 1)),
    bias: new Float32Array(classes),
  };
}
