/** Losses for regression, as in PyTorch's `MSELoss` and `HuberLoss`: means over all elements. */
import { type Loss, meanOf } from "./loss.ts";

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
