/** EfficientNet: Tan and Le 2019, "Rethinking Model Scaling for Convolutional Neural Networks", arXiv 1905.11946. */

import type { Definition, DefinitionOptions, Dialect, Family } from "./definition.ts";
import { createArchitecture, type Place } from "./definition.ts";
import { conv } from "./layers/learned-layers.ts";
import type { SqueezeExcite } from "./layers/mobile-block.ts";
import {
  invertedResidual,
  type MobileStyle,
  mobileClassifier,
  mobileStem,
  mobileStyles,
  normalised,
  roundChannels,
  roundRepeats,
} from "./layers/mobile-block.ts";
import { globalPool, sigmoid, silu } from "./layers/tensor-layers.ts";

/** Table 1 of the paper, for width and depth 1. `stride` is the stride of a stage's first block. */
const stages: readonly { expansion: number; channels: number; repeats: number; kernel: number; stride: number }[] = [
  { expansion: 1, channels: 16, repeats: 1, kernel: 3, stride: 1 },
  { expansion: 6, channels: 24, repeats: 2, kernel: 3, stride: 2 },
  { expansion: 6, channels: 40, repeats: 2, kernel: 5, stride: 2 },
  { expansion: 6, channels: 80, repeats: 3, kernel: 3, stride: 2 },
  { expansion: 6, channels: 112, repeats: 3, kernel: 5, stride: 1 },
  { expansion: 6, channels: 192, repeats: 4, kernel: 5, stride: 2 },
  { expansion: 6, channels: 320, repeats: 1, kernel: 3, stride: 1 },
];

const STEM = 32;
const HEAD = 1280;

interface Scale {
  /** Multiplier of channels. */
  readonly width: number;
  /** Multiplier of repetitions. */
  readonly depth: number;
  /** Side of the input in pixels. `keras` is the paper's, also used by timm's `tf_` networks; `timm` is timm's own. */
  readonly sizes: Readonly<Record<Dialect, number>>;
}

const scales: Readonly<Record<string, Scale>> = {
  efficientnet_b0: { width: 1, depth: 1, sizes: { keras: 224, timm: 224 } },
  efficientnet_b1: { width: 1, depth: 1.1, sizes: { keras: 240, timm: 240 } },
  efficientnet_b2: { width: 1.1, depth: 1.2, sizes: { keras: 260, timm: 256 } },
  efficientnet_b3: { width: 1.2, depth: 1.4, sizes: { keras: 300, timm: 288 } },
};

/** Each scale twice: with the arithmetic of the dialect, and as timm's `tf_` network, which computes as Keras does. */
export const efficientnet: Family = new Map(
  Object.entries(scales).flatMap(([name, scale]) => [
    [
      name,
      (options = {}) => {
        const { dialect = "timm" } = options;
        const published = { name, inputSize: scale.sizes[dialect], dialects: ["timm", "keras"] as const };
        return define(published, scale, mobileStyles[dialect], options);
      },
    ],
    [
      `tf_${name}`,
      (options) => define({ name: `tf_${name}`, inputSize: scale.sizes.keras }, scale, mobileStyles.keras, options),
    ],
  ]),
);

function define(
  published: Parameters<typeof createArchitecture>[0],
  { width, depth }: Scale,
  style: MobileStyle,
  options?: DefinitionOptions,
): Definition {
  const b = createArchitecture(published, options);
  let x = mobileStem(b, roundChannels(STEM, width), silu, style);
  for (const [index, { channels, repeats, stride, ...rest }] of stages.entries()) {
    const block = { ...rest, out: roundChannels(channels, width), activation: silu };
    for (let repeat = 0; repeat < roundRepeats(repeats, depth); repeat++) {
      const one = { ...block, stride: repeat === 0 ? stride : 1, squeeze: quarter(x) };
      x = invertedResidual(b, x, `blocks.${index}.${repeat}`, one, style);
    }
    b.stage(`blocks.${index}`, x);
  }
  x = conv(b, x, "conv_head", { out: roundChannels(HEAD, width), kernel: 1 });
  x = b.stage("conv_head", normalised(b, x, "bn2", silu, style));
  return mobileClassifier(b, globalPool(b, x));
}

/** A quarter of the block's input channels. */
const quarter = (x: Place): SqueezeExcite => ({ channels: x.dims[0]! / 4, activation: silu, gate: sigmoid });
