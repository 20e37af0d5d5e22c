/** Gradient clipping by global norm: Pascanu et al., "On the difficulty of training recurrent networks" (arXiv 1211.5063). */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";

/** Keeps the quotient finite where all gradients are zero, as in PyTorch. */
const TINY = 1e-6;

/** Gradients after clipping, and their norm before. */
export interface Clipped {
  readonly gradients: readonly Ref[];
  /** The Euclidean norm of all gradients as one vector, a scalar. */
  readonly norm: Ref;
}

/**
 * Scales all gradients by min(1, longest / (norm + 10⁻⁶)), like PyTorch's `clip_grad_norm_`.
 *
 * @param longest the largest allowed norm; with Infinity the norm is only measured
 */
export function clipByNorm(build: Operations, gradients: readonly Ref[], longest: number): Clipped {
  const squares = gradients.map((gradient) => build.reduce("ReduceSumSquare", gradient, undefined, false));
  const norm = build.unary("Sqrt", build.total(squares));
  if (longest === Number.POSITIVE_INFINITY) return { gradients, norm };
  const factor = build.minimum(build.div(build.scalar(longest, norm), build.add(norm, TINY)), 1);
  return { gradients: gradients.map((gradient) => build.mul(gradient, factor)), norm };
}
