/** Learning rates over time and over depth. Pure functions; a training step gets the rate as an input. */

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
