/** MobileNetV3: Howard et al. 2019, "Searching for MobileNetV3", arXiv 1905.02244. */

import type { Definition, DefinitionOptions, Dialect, Family } from "./definition.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./definition.ts";
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
} from "./layers/mobile-block.ts";
import { type Activation, flatten, globalAverage, hardSigmoid, hardSwish, relu } from "./layers/tensor-layers.ts";

/** Equal blocks in sequence; a row of the paper's tables 1 and 2. */
interface Blocks {
  readonly repeats?: number | undefined;
  readonly kernel: number;
  /** Inner channels as a multiple of the block's input channels. */
  readonly expansion: number;
  readonly channels: number;
  readonly squeeze?: boolean | undefined;
  readonly activation: Activation;
  /** The stride of the first block. Default 1. */
  readonly stride?: number | undefined;
}

/** The stages; a last one, a 1 × 1 convolution to `last` channels, follows. */
interface Layout {
  readonly stages: readonly (readonly Blocks[])[];
  readonly last: number;
  /** Channels of the layer between pooling and classifier. */
  readonly head: number;
}

const large: Layout = {
  stages: [
    [{ kernel: 3, expansion: 1, channels: 16, activation: relu }],
    [
      { kernel: 3, expansion: 4, channels: 24, activation: relu, stride: 2 },
      { kernel: 3, expansion: 3, channels: 24, activation: relu },
    ],
    [{ repeats: 3, kernel: 5, expansion: 3, channels: 40, squeeze: true, activation: relu, stride: 2 }],
    [
      { kernel: 3, expansion: 6, channels: 80, activation: hardSwish, stride: 2 },
      { kernel: 3, expansion: 2.5, channels: 80, activation: hardSwish },
      { repeats: 2, kernel: 3, expansion: 2.3, channels: 80, activation: hardSwish },
    ],
    [{ repeats: 2, kernel: 3, expansion: 6, channels: 112, squeeze: true, activation: hardSwish }],
    [{ repeats: 3, kernel: 5, expansion: 6, channels: 160, squeeze: true, activation: hardSwish, stride: 2 }],
  ],
  last: 960,
  head: 1280,
};

const small: Layout = {
  stages: [
    [{ kernel: 3, expansion: 1, channels: 16, squeeze: true, activation: relu, stride: 2 }],
    [
      { kernel: 3, expansion: 4.5, channels: 24, activation: relu, stride: 2 },
      { kernel: 3, expansion: 3.67, channels: 24, activation: relu },
    ],
    [
      { kernel: 5, expansion: 4, channels: 40, squeeze: true, activation: hardSwish, stride: 2 },
      { repeats: 2, kernel: 5, expansion: 6, channels: 40, squeeze: true, activation: hardSwish },
    ],
    [{ repeats: 2, kernel: 5, expansion: 3, channels: 48, squeeze: true, activation: hardSwish }],
    [{ repeats: 3, kernel: 5, expansion: 6, channels: 96, squeeze: true, activation: hardSwish, stride: 2 }],
  ],
  last: 576,
  head: 1024,
};

/** Channels of the first convolution, at any width. */
const STEM = 16;

interface Variant {
  readonly layout: Layout;
  /** Multiplier of channels. Default 1. */
  readonly width?: number | undefined;
  readonly dialects?: readonly Dialect[] | undefined;
  /** Default: that of the requested dialect. */
  readonly style?: MobileStyle | undefined;
}

const both: readonly Dialect[] = ["timm", "keras"];

const variants: Readonly<Record<string, Variant>> = {
  mobilenetv3_large_100: { layout: large, dialects: both },
  mobilenetv3_small_050: { layout: small, width: 0.5 },
  mobilenetv3_small_075: { layout: small, width: 0.75 },
  mobilenetv3_small_100: { layout: small, dialects: both },
  tf_mobilenetv3_large_100: { layout: large, style: mobileStyles.keras },
  tf_mobilenetv3_small_100: { layout: small, style: mobileStyles.keras },
};

export const mobilenetV3: Family = new Map(
  Object.entries(variants).map(([name, variant]) => [name, (options) => define(name, variant, options)]),
);

function define(name: string, variant: Variant, options?: DefinitionOptions): Definition {
  const b = createArchitecture({ name, inputSize: 224, ...variant }, options);
  const { layout, width = 1, style = mobileStyles[b.dialect] } = variant;
  let x = mobileStem(b, STEM, hardSwish, style);
  for (const [index, stage] of layout.stages.entries()) {
    let block = 0;
    for (const { repeats = 1, channels, squeeze, stride = 1, ...rest } of stage)
      for (let repeat = 0; repeat < repeats; repeat++)
        x = invertedResidual(
          b,
          x,
          `blocks.${index}.${block++}`,
          {
            ...rest,
            out: roundChannels(channels, width),
            stride: repeat === 0 ? stride : 1,
            squeeze: squeeze ? quarter(x, rest.expansion) : undefined,
          },
          style,
        );
    b.stage(`blocks.${index}`, x);
  }
  const last = `blocks.${layout.stages.length}`;
  x = conv(b, x, `${last}.0.conv`, { out: roundChannels(layout.last, width), kernel: 1 });
  x = b.stage(last, normalised(b, x, `${last}.0.bn1`, hardSwish, style));
  return mobileClassifier(b, head(b, x, layout.head));
}

/** A quarter of the channels inside the block, rounded to a multiple of 8, with ReLU and a hard sigmoid. */
const quarter = (x: Place, expansion: number): SqueezeExcite => ({
  channels: roundChannels(roundChannels(x.dims[0]! * expansion) / 4),
  activation: relu,
  gate: hardSigmoid,
});

/** The "efficient last stage": pooling before the last convolution, which has a bias and no batch norm. */
function head(b: ArchitectureBuilder, x: Place, out: number): Place {
  const pooled = globalAverage(b, x, "global_pool");
  const convolved = conv(b, pooled, "conv_head", { out, kernel: 1, bias: true });
  return flatten(b, b.stage("conv_head", hardSwish(b, convolved, "act2")), "flatten");
}
