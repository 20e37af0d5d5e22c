/**
 * The block of the mobile networks: widen, filter each channel, narrow. Sandler et al. 2018, arXiv 1801.04381, with the additions of
 * MobileNetV3 and EfficientNet. Names are timm's (`_efficientnet_blocks.py`).
 */
import type { ArchitectureBuilder, Definition, Dialect, Place } from "../definition.ts";
import { batchNorm, classify, conv, depthwise } from "./learned-layers.ts";
import { type Activation, add, globalAverage, multiply, type Padding } from "./tensor-layers.ts";

/** What differs between the dialects of mobile networks. */
export interface MobileStyle {
  readonly epsilon: number;
  /** The padding of a kernel of this size. */
  readonly padding: (kernel: number) => Padding;
}

/** The styles of the dialects. Keras' is TensorFlow's, in which the networks were published; timm's `tf_` variants use it too. */
export const mobileStyles: Readonly<Record<Dialect, MobileStyle>> = {
  timm: { epsilon: 1e-5, padding: (kernel) => (kernel - 1) / 2 },
  keras: { epsilon: 1e-3, padding: () => "same" },
};

export interface InvertedResidual {
  /** Output channels. */
  readonly out: number;
  /** The inner width as a multiple of the input's. With 1, the block has no first convolution. */
  readonly expansion: number;
  /** Side of the depthwise filters. */
  readonly kernel: number;
  readonly stride: number;
  readonly activation: Activation;
  /** Squeeze-and-excitation after the filters, if any. */
  readonly squeeze?: SqueezeExcite | undefined;
}

/** The block, `[C, H, W]` → `[out, H', W']`; added to its input if the shape is unchanged. */
export function invertedResidual(
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  options: InvertedResidual,
  style: MobileStyle,
): Place {
  const { out, expansion, kernel, stride, activation, squeeze } = options;
  const expands = expansion !== 1;
  // timm numbers batch norms in sequence, and calls the last convolution `pwl` (linear) only after an expansion.
  const [filterNorm, lastConv, lastNorm] = expands ? ["bn2", "conv_pwl", "bn3"] : ["bn1", "conv_pw", "bn2"];
  let y = x;
  if (expands) {
    y = conv(b, y, `${name}.conv_pw`, { out: roundChannels(x.dims[0]! * expansion), kernel: 1 });
    y = normalised(b, y, `${name}.bn1`, activation, style);
  }
  y = depthwise(b, y, `${name}.conv_dw`, {
    kernel,
    stride,
    padding: style.padding(kernel),
    // timm uses the fan out of one group, as TensorFlow does: one channel.
    initialiser: { kind: "normal", std: Math.SQRT2 / kernel },
  });
  y = normalised(b, y, `${name}.${filterNorm}`, activation, style);
  if (squeeze) y = squeezeExcite(b, y, `${name}.se`, squeeze);
  y = conv(b, y, `${name}.${lastConv}`, { out, kernel: 1 });
  y = batchNorm(b, y, `${name}.${lastNorm}`, style);
  return stride === 1 && x.dims[0] === out ? add(b, y, x, `${name}.add`) : y;
}

/** Batch norm and activation. */
export const normalised = (
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  activation: Activation,
  { epsilon }: MobileStyle,
): Place => activation(b, batchNorm(b, x, name, { epsilon }), `${name}.act`);

/** The stem of a mobile network: a 3 × 3 convolution that halves the image. */
export function mobileStem(b: ArchitectureBuilder, out: number, activation: Activation, style: MobileStyle): Place {
  const x = conv(b, b.image, "conv_stem", { out, kernel: 3, stride: 2, padding: style.padding(3) });
  return b.stage("conv_stem", normalised(b, x, "bn1", activation, style));
}

/** The classifier of a mobile network: weights uniform in ±√(1 / classes), as in TensorFlow, and biases 0. */
export const mobileClassifier = (b: ArchitectureBuilder, features: Place): Definition =>
  classify(b, features, "classifier", {
    initialiser: { kind: "fan-in-uniform", fanIn: b.classes },
    biasInitialiser: { kind: "constant", value: 0 },
  });

// Squeeze-and-excitation: Hu, Shen and Sun 2018, arXiv 1709.01507.

export interface SqueezeExcite {
  /** Channels between its two convolutions. */
  readonly channels: number;
  readonly activation: Activation;
  /** Turns the second convolution's outputs into factors. */
  readonly gate: Activation;
}

/** Scales each channel of a map `[C, H, W]` by a factor that two 1 × 1 convolutions compute from the means of all channels. */
export function squeezeExcite(b: ArchitectureBuilder, x: Place, name: string, options: SqueezeExcite): Place {
  const { channels, activation, gate } = options;
  const mean = globalAverage(b, x, `${name}.mean`);
  const reduced = conv(b, mean, `${name}.conv_reduce`, { out: channels, kernel: 1, bias: true });
  const active = activation(b, reduced, `${name}.act1`);
  const expanded = conv(b, active, `${name}.conv_expand`, { out: x.dims[0]!, kernel: 1, bias: true });
  return multiply(b, x, gate(b, expanded, `${name}.gate`), name);
}

// Scaling in width and depth, for MobileNets and EfficientNets.

/** `channels · width` rounded to a multiple of 8, but not down by more than 10%: `make_divisible` in timm and Keras. */
export function roundChannels(channels: number, width = 1): number {
  const wanted = channels * width;
  const rounded = Math.max(8, Math.floor((wanted + 4) / 8) * 8);
  return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

/** Repetitions of a block in a stage, `repeats · depth` rounded up: arXiv 1905.11946. */
export const roundRepeats = (repeats: number, depth = 1): number => Math.ceil(repeats * depth);
