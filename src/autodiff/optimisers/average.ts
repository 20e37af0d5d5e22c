/** Exponential moving averages of weights: Polyak and Juditsky (1992); as used for EfficientNet (arXiv 1905.11946). */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";

/**
 * The next average: `decay` of the last one and the rest of the new weights.
 *
 * @param decay within 0 … 1, such as 0.999: about the last 1 / (1 − decay) steps count
 */
export const movedAverage = (build: Operations, average: Ref, parameter: Ref, decay: number): Ref =>
  build.add(build.mul(average, decay), build.mul(parameter, 1 - decay));
