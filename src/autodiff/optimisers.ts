/**
 * Optimisers (SGD, AdamW), gradient clipping and weight averages as pieces of a training graph, and learning rates over time and
 * depth. An optimiser computes the next value of a parameter and its state from the gradient. Runs nothing itself.
 */
import type { Ref } from "./graph-builder.ts";
import type { Operations } from "./graph-operations.ts";

/** The inputs of the update of one parameter. */
export interface UpdateInputs {
  readonly parameter: Ref;
  readonly gradient: Ref;
  /** The parameter's state by slot. Parameter, gradient, state and results have the same shape. */
  readonly state: Readonly<Record<string, Ref>>;
  /** The learning rate of this parameter in this step, a scalar. */
  readonly learningRate: Ref;
  /** The number of this step, counted from 1, a floating-point scalar. */
  readonly step: Ref;
  /** Whether weight decay applies to the parameter. */
  readonly decays: boolean;
}

export interface Updated {
  readonly parameter: Ref;
  readonly state: Readonly<Record<string, Ref>>;
}

/** An optimiser as a piece of a training step. */
export interface Optimiser {
  /** The names of the state tensors of each parameter; all start at zero. */
  readonly slots: readonly string[];
  /** Writes the update of one parameter. */
  update(build: Operations, inputs: UpdateInputs): Updated;
}

// Stochastic gradient descent with momentum, as in PyTorch's `SGD`.

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

// Adam with decoupled weight decay: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (arXiv 1711.05101).

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

// Gradient clipping by global norm: Pascanu et al., "On the difficulty of training recurrent networks" (arXiv 1211.5063).

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

// Exponential moving averages of weights: Polyak and Juditsky (1992); as in EfficientNet (arXiv 1905.11946).

/**
 * The next average: decay × the last average + (1 − decay) × the new weights.
 *
 * @param decay within 0 … 1, such as 0.999: averages over about the last 1 / (1 − decay) steps
 */
export const movedAverage = (build: Operations, average: Ref, parameter: Ref, decay: number): Ref =>
  build.add(build.mul(average, decay), build.mul(parameter, 1 - decay));

// Learning rates over time and over depth. Pure functions; a training step gets the rate as an input.

export interface ScheduleOptions {
  /** The highest learning rate. */
  readonly peak: number;
  /** Steps of the whole training. */
  readonly steps: number;
  /** Steps over which the rate rises linearly to its peak; default 0. */
  readonly warmUp?: number | undefined;
  /** The rate at the end, as a share of the peak; default 0. */
  readonly final?: number | undefined;
}

/**
 * The learning rate of a step: a linear warm-up, then half a cosine down to the final rate.
 * Source: Loshchilov and Hutter, "SGDR" (arXiv 1608.03983), eq. 5, without restarts; warm-up as Goyal et al. (1706.02677).
 *
 * @param step counted from 1; the first of w warm-up steps has the rate peak / w, the last has the peak
 * @throws RangeError if the step is outside 1 … steps
 */
export function cosineRate(step: number, { peak, steps, warmUp = 0, final = 0 }: ScheduleOptions): number {
  if (!(step >= 1 && step <= steps)) throw new RangeError(`Step ${step} is outside 1 … ${steps}.`);
  if (step <= warmUp) return (peak * step) / warmUp;
  const progress = (step - warmUp) / Math.max(steps - warmUp, 1);
  return peak * (final + ((1 - final) * (1 + Math.cos(Math.PI * progress))) / 2);
}

/**
 * The learning rate of a layer relative to the head: `decay` to the power of its distance from the end.
 * Source: Howard and Ruder, "ULMFiT" (arXiv 1801.06146), §3.2; Clark et al., "ELECTRA" (2003.10555).
 *
 * @param depth of the layer, 0 at the input
 * @param layers how many there are; the head counts as the last
 * @param decay within 0 … 1; 1 gives all layers the same rate
 */
export function layerRate(depth: number, layers: number, decay: number): number {
  if (!(depth >= 0 && depth < layers)) throw new RangeError(`Layer ${depth} is outside 0 … ${layers - 1}.`);
  return decay ** (layers - 1 - depth);
}
