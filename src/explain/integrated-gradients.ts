/**
 * Integrated gradients: how much each pixel contributes to a class's logit, compared with a black image. The contributions sum to the
 * difference of the two logits (completeness), which measures how exact the integral is.
 * Source: Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017, arXiv 1703.01365, equation 1.
 */
import { type Explained, type GradientSession, openGradient } from "./gradient.ts";
import type { Heat } from "./heat.ts";

/** Images along the path that go through the network at once. */
const BATCH = 4;
const FEWEST_STEPS = 16;
const MOST_STEPS = 512;
/** The relative completeness error at which the refinement stops. */
export const COMPLETENESS = 0.02;

export interface Attribution {
  /** `[…inputDims]`: each input value's share of the difference. */
  readonly contributions: Float32Array;
  /** The class's logit for the image and for the baseline. */
  readonly logit: number;
  readonly baselineLogit: number;
  /** Intervals along the path. */
  readonly steps: number;
  /** |sum of the contributions − difference of the logits|, relative to the difference. */
  readonly error: number;
}

export const openIntegratedGradients = (explained: Explained): Promise<GradientSession> =>
  openGradient(explained, explained.input, BATCH);

/**
 * Integrates along the straight line from the baseline to the image, by the trapezoidal rule. The number of intervals is doubled
 * (earlier points are reused) until the completeness error is at most 2% or 512 intervals are reached.
 *
 * @param session from {@link openIntegratedGradients}
 * @param pixels `[…inputDims]`, prepared
 * @param baseline the prepared pixels of a black image
 */
export async function integratedGradients(
  session: GradientSession,
  pixels: Float32Array,
  baseline: Float32Array,
  label: number,
): Promise<Attribution> {
  const size = pixels.length;
  const sum = new Float64Array(size);
  const logits = new Map<number, number>();
  /** Adds the gradients at positions along the line (0 the baseline, 1 the image), each with its weight. */
  const add = async (points: readonly (readonly [position: number, weight: number])[]): Promise<void> => {
    for (let first = 0; first < points.length; first += BATCH) {
      const chunk = points.slice(first, first + BATCH);
      const data = new Float32Array(BATCH * size);
      chunk.forEach(([position], i) => {
        for (let j = 0; j < size; j++) data[i * size + j] = baseline[j]! + position * (pixels[j]! - baseline[j]!);
      });
      const { logits: batchLogits, slope } = await session.run(data, label);
      chunk.forEach(([position, weight], i) => {
        logits.set(position, batchLogits[i * session.classes + label]!);
        for (let j = 0; j < size; j++) sum[j] = sum[j]! + weight * slope.gradient[i * size + j]!;
      });
    }
  };
  const attribution = (steps: number): Attribution => {
    const [logit, baselineLogit] = [logits.get(1)!, logits.get(0)!];
    const contributions = Float32Array.from(sum, (total, j) => (total / steps) * (pixels[j]! - baseline[j]!));
    const difference = logit - baselineLogit;
    const error =
      Math.abs(contributions.reduce((a, b) => a + b, 0) - difference) / Math.max(Math.abs(difference), 1e-6);
    return { contributions, logit, baselineLogit, steps, error };
  };
  let steps = FEWEST_STEPS;
  await add([[0, 0.5], [1, 0.5], ...inner(steps, () => true)]);
  let found = attribution(steps);
  while (found.error > COMPLETENESS && steps < MOST_STEPS) {
    steps *= 2;
    await add(inner(steps, (step) => step % 2 === 1));
    found = attribution(steps);
  }
  return found;
}

const inner = (steps: number, wanted: (step: number) => boolean): [position: number, weight: number][] =>
  Array.from({ length: steps - 1 }, (_, i) => i + 1)
    .filter(wanted)
    .map((step) => [step / steps, 1]);

/** Turns contributions `[3, S, S]` or `[S, S, 3]` into a map: the colours of each position summed, negative values set to 0. */
export function heatOf({ contributions }: Attribution, inputDims: readonly number[]): Heat {
  const isFirst = inputDims[0] === 3;
  const [height = 1, width = 1] = isFirst ? inputDims.slice(1) : inputDims;
  const positions = height * width;
  const [perChannel, perPosition] = isFirst ? [positions, 1] : [1, 3];
  const values = Float32Array.from({ length: positions }, (_, position) => {
    let sum = 0;
    for (let channel = 0; channel < 3; channel++) sum += contributions[channel * perChannel + position * perPosition]!;
    return Math.max(0, sum);
  });
  return { width, height, values };
}
