/** Adam with decoupled weight decay: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (arXiv 1711.05101). */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";
import type { Optimiser } from "./optimiser.ts";

export interface AdamWOptions {
  /** The decay rates of the mean gradient and the mean squared gradient; default 0.9 and 0.999. */
  readonly betas?: readonly [number, number] | undefined;
  /** Added to the square root of the mean squared gradient; default 1e-8. */
  readonly epsilon?: number | undefined;
  /** λ: every step multiplies the weight by 1 − η λ; default 0.01, as in PyTorch. */
  readonly weightDecay?: number | undefined;
}

/**
 * As PyTorch's `AdamW`: w = w (1 − η λ) − η m̂ / (√v̂ + ε), with m̂ and v̂ the bias-corrected means.
 *
 * The state stores sums instead of means, M = m / (1 − β₁) and V = v / (1 − β₂): the constants then combine in two scalars, and the
 * update takes 11 passes over memory instead of 14.
 *
 * @throws RangeError if a beta is not within 0 … 1
 */
export function adamW(options: AdamWOptions = {}): Optimiser {
  const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0.01 } = options;
  const wrong = betas.find((beta) => !(beta >= 0 && beta < 1));
  if (wrong !== undefined) throw new RangeError(`Adam's betas are within 0 … 1, not ${wrong}.`);
  const [first, second] = betas;
  return {
    slots: ["sum", "squares"],
    update: (build, { parameter, gradient, state, learningRate, step, decays }) => {
      const sum = build.add(build.mul(state.sum!, first), gradient);
      const squares = build.add(build.mul(state.squares!, second), build.square(gradient));
      // m̂ = M a and √v̂ = √V b, so that η m̂ / (√v̂ + ε) = (η a / b) M / (√V + ε / b).
      const a = build.div(build.scalar(1 - first, step), corrected(build, first, step));
      const b = build.unary("Sqrt", build.div(build.scalar(1 - second, step), corrected(build, second, step)));
      const rate = build.div(build.mul(learningRate, a), b);
      const floor = build.div(build.scalar(epsilon, step), b);
      const change = build.mul(build.div(sum, build.add(build.unary("Sqrt", squares), floor)), rate);
      const kept =
        decays && weightDecay > 0
          ? build.mul(parameter, build.oneMinus(build.mul(learningRate, weightDecay)))
          : parameter;
      return { parameter: build.sub(kept, change), state: { sum, squares } };
    },
  };
}

/** 1 − βᵗ */
const corrected = (build: Operations, beta: number, step: Ref): Ref =>
  build.oneMinus(build.pow(build.scalar(beta, step), step));
