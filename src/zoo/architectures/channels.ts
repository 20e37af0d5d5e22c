/** Scales networks in width and depth, for MobileNets and EfficientNets. */

/** `channels · width` rounded to a multiple of 8, but not down by more than 10%: `make_divisible` in timm and Keras. */
export function roundChannels(channels: number, width = 1): number {
  const wanted = channels * width;
  const rounded = Math.max(8, Math.floor((wanted + 4) / 8) * 8);
  return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

/** Repetitions of a block in a stage, `repeats · depth` rounded up: arXiv 1905.11946. */
export const roundRepeats = (repeats: number, depth = 1): number => Math.ceil(repeats * depth);
