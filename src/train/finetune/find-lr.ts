/**
 * The learning-rate finder: a short training whose learning rate rises exponentially until the loss does; a good one lies
 * below where it is least. Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186), §3.3;
 * smoothing, stop and the tenth as in Howard and Gugger's fastai (`lr_find`, `minimum`).
 */
import type { Batch, StepRunner, Weights } from "./step-runner.ts";

export interface RangeTest {
  /** Learning rates with the smoothed loss at each, ascending. */
  readonly points: readonly { readonly learningRate: number; readonly loss: number }[];
  readonly suggested: number;
}

export interface RangeOptions {
  readonly run: StepRunner;
  readonly held: Weights;
  readonly batch: (step: number) => Batch;
  /** Default 80. */
  readonly steps?: number | undefined;
  readonly onStep?: ((step: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Both ends of the range. */
const [LOWEST, HIGHEST] = [1e-6, 1];
export const RANGE_STEPS = 80;
/** How much of the last smoothed loss stays. */
const KEPT = 0.9;
/** A loss so many times the least ends the test. */
const DIVERGED = 4;
/** What share of the rate with the least loss is suggested. */
const SHARE = 0.1;

/** Runs the range test. The weights are left as they were. */
export async function findLearningRate({ run, batch, onStep, signal, ...options }: RangeOptions): Promise<RangeTest> {
  const { steps = RANGE_STEPS } = options;
  let held = options.held;
  let average = 0;
  const points: { learningRate: number; loss: number }[] = [];
  for (let step = 1; step <= steps; step++) {
    signal?.throwIfAborted();
    const learningRate = LOWEST * (HIGHEST / LOWEST) ** ((step - 1) / (steps - 1));
    const stepped = await run(held, batch, [learningRate], step);
    const [stepLoss = Number.NaN, norm] = [stepped.losses[0], stepped.norms[0]];
    if (!Number.isFinite(stepLoss) || !Number.isFinite(norm)) break;
    held = stepped.held;
    average = KEPT * average + (1 - KEPT) * stepLoss;
    const loss = average / (1 - KEPT ** step);
    points.push({ learningRate, loss });
    onStep?.(step);
    if (loss > DIVERGED * Math.min(...points.map((point) => point.loss))) break;
  }
  const best = points.reduce(
    (least, point) => (point.loss < least.loss ? point : least),
    points[0] ?? { learningRate: LOWEST, loss: 0 },
  );
  return { points, suggested: SHARE * best.learningRate };
}
