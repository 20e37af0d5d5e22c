/**
 * MobileNetV2 of any width: Sandler et al. 2018, "Inverted Residuals and Linear Bottlenecks", arXiv 1801.04381. The deeper variants
 * are timm's.
 */
import { usageError } from "../../base/errors.ts";
import type { Definition, DefinitionOptions, Dialect, Family } from "./definition.ts";
import { createArchitecture } from "./definition.ts";
import { conv } from "./layers/learned-layers.ts";
import {
  invertedResidual,
  mobileClassifier,
  mobileStem,
  mobileStyles,
  normalised,
  roundChannels,
  roundRepeats,
} from "./layers/mobile-block.ts";
import { globalPool, relu6 } from "./layers/tensor-layers.ts";

/** Table 2 of the paper. `stride` is the stride of a stage's first block. */
const stages: readonly { expansion: number; channels: number; repeats: number; stride: number }[] = [
  { expansion: 1, channels: 16, repeats: 1, stride: 1 },
  { expansion: 6, channels: 24, repeats: 2, stride: 2 },
  { expansion: 6, channels: 32, repeats: 3, stride: 2 },
  { expansion: 6, channels: 64, repeats: 4, stride: 2 },
  { expansion: 6, channels: 96, repeats: 3, stride: 1 },
  { expansion: 6, channels: 160, repeats: 3, stride: 2 },
  { expansion: 6, channels: 320, repeats: 1, stride: 1 },
];

const STEM = 32;
const HEAD = 1280;

interface Variant {
  /** Multiplier of channels; "alpha" in Keras. */
  readonly width: number;
  /** Multiplier of repetitions. If set, stem and head keep their width, and the first and last stage their depth. */
  readonly depth?: number | undefined;
  readonly dialects?: readonly Dialect[] | undefined;
}

const variants: Readonly<Record<string, Variant>> = {
  mobilenetv2_035: { width: 0.35 },
  mobilenetv2_050: { width: 0.5 },
  mobilenetv2_075: { width: 0.75 },
  mobilenetv2_100: { width: 1 },
  mobilenetv2_110d: { width: 1.1, depth: 1.2, dialects: ["timm"] },
  mobilenetv2_120d: { width: 1.2, depth: 1.4, dialects: ["timm"] },
  mobilenetv2_130: { width: 1.3 },
  mobilenetv2_140: { width: 1.4 },
};

export const mobilenetV2: Family = new Map(
  Object.entries(variants).map(([name, variant]) => [name, (options) => define(name, variant, options)]),
);

/**
 * MobileNetV2 of any width, named in hundredths as in timm: 1.3 is `mobilenetv2_130`.
 *
 * @throws GraftError (`usage`) if the width is not between 0.05 and 8
 */
export function mobilenetV2Of(width: number, options?: DefinitionOptions): Definition {
  if (!(width >= 0.05 && width <= 8))
    throw usageError(`The width of a MobileNetV2 must be between 0.05 and 8 times the published one, not ${width}.`);
  return define(`mobilenetv2_${String(Math.round(width * 100)).padStart(3, "0")}`, { width }, options);
}

/** The channels of a block at a width, before they are rounded to a multiple of 8. */
const scaled: Readonly<Record<Dialect, (channels: number, width: number) => number>> = {
  timm: (channels, width) => channels * width,
  keras: (channels, width) => Math.trunc(channels * width),
};

function define(name: string, variant: Variant, options?: DefinitionOptions): Definition {
  const { width, depth, dialects = ["timm", "keras"] } = variant;
  const b = createArchitecture({ name, inputSize: 224, dialects }, options);
  const style = mobileStyles[b.dialect];
  const ends = depth === undefined ? width : 1;
  let x = mobileStem(b, roundChannels(STEM, ends), relu6, style);
  for (const [index, { expansion, channels, repeats, stride }] of stages.entries()) {
    const inner = index > 0 && index < stages.length - 1;
    const out = roundChannels(scaled[b.dialect](channels, width));
    const block = { out, expansion, kernel: 3, activation: relu6 };
    for (let repeat = 0; repeat < roundRepeats(repeats, inner ? depth : 1); repeat++)
      x = invertedResidual(b, x, `blocks.${index}.${repeat}`, { ...block, stride: repeat === 0 ? stride : 1 }, style);
    b.stage(`blocks.${index}`, x);
  }
  x = conv(b, x, "conv_head", { out: Math.max(HEAD, roundChannels(HEAD, ends)), kernel: 1 });
  x = b.stage("conv_head", normalised(b, x, "bn2", relu6, style));
  return mobileClassifier(b, globalPool(b, x));
}
