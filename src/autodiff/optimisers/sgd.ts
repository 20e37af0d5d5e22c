/** Stochastic gradient descent with momentum, as in PyTorch's `SGD`. */
import type { Optimiser } from "./optimiser.ts";

export interface SgdOptions {
  /** The share of the last step's direction that is kept, 0 … 1; default 0.9. */
  readonly momentum?: number | undefined;
  /** Nesterov momentum (Sutskever et al., ICML 2013); default true with momentum. */
  readonly nesterov?: boolean | undefined;
  /** λ of the penalty λ/2 ‖w‖², added to the gradient; default 0. */
  readonly weightDecay?: number | undefined;
}

/**
 * d = g + λ w; v = μ v + d; w = w − η (d + μ v) with Nesterov, else w − η v.
 *
 * @throws RangeError if momentum is not within 0 … 1, or Nesterov is used without momentum
 */
export function sgd(options: SgdOptions = {}): Optimiser {
  const { momentum = 0.9, weightDecay = 0 } = options;
  const { nesterov = momentum > 0 } = options;
  if (!(momentum >= 0 && momentum < 1)) throw new RangeError(`Momentum is within 0 … 1, not ${momentum}.`);
  if (nesterov && momentum === 0) throw new RangeError("Nesterov's look ahead needs momentum.");
  return {
    slots: momentum > 0 ? ["momentum"] : [],
    update: (build, { parameter, gradient, state, learningRate, decays }) => {
      const penalised = decays && weightDecay > 0 ? build.add(gradient, build.mul(parameter, weightDecay)) : gradient;
      if (momentum === 0) {
        return { parameter: build.sub(parameter, build.mul(penalised, learningRate)), state: {} };
      }
      const velocity = build.add(build.mul(state.momentum!, momentum), penalised);
      const direction = nesterov ? build.add(penalised, build.mul(velocity, momentum)) : velocity;
      return {
        parameter: build.sub(parameter, build.mul(direction, learningRate)),
        state: { momentum: velocity },
      };
    },
  };
}
