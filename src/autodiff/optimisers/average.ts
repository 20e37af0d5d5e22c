/** Exponential moving averages of weights: Polyak and Juditsky (1992); as in EfficientNet (arXiv 1905.11946). */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";

/**
 * The next average: decay × the last average + (1 − decay) × the new weights.
 *
 * @param decay within 0 … 1, such as 0.999: averages over about the last 1 / (1 − decay) steps
 */
export const movedAverage = (build: Operations, average: Ref, parameter: Ref, decay: number): Ref =>
  build.add(build.mul(average, decay), build.mul(parameter, 1 - decay));
