/**
 * The block of the mobile networks: widen, filter each channel, narrow. Sandler and others 2018, arXiv 1801.04381, with what
 * MobileNetV3 and EfficientNet added to it. Names are timm's (`_efficientnet_blocks.py`).
 */
import type { ArchitectureBuilder, Place } from "../builder.ts";
import { roundChannels } from "../channels.ts";
import type { Definition, Dialect } from "../definition.ts";
import type { Activation } from "./activation.ts";
import { add } from "./join.ts";
import { classify, conv, depthwise } from "./linear.ts";
import { batchNorm } from "./norm.ts";
import { type SqueezeExcite, squeezeExcite } from "./squeeze-excite.ts";
import type { Padding } from "./window.ts";

/** What differs between the dialects of mobile networks. */
export interface MobileStyle {
  readonly epsilon: number;
  /** Around the map, for a kernel of this size. */
  readonly padding: (kernel: number) => Padding;
}

/** Keras' is TensorFlow's, with which the networks were published; timm's `tf_` variants compute alike. */
export const mobileStyles: Readonly<Record<Dialect, MobileStyle>> = {
  timm: { epsilon: 1e-5, padding: (kernel) => (kernel - 1) / 2 },
  keras: { epsilon: 1e-3, padding: () => "same" },
};

export interface InvertedResidual {
  /** Output channels. */
  readonly out: number;
  /** How many times wider the block is inside. 1: its first convolution falls away. */
  readonly expansion: number;
  /** Side of the depthwise filters. */
  readonly kernel: number;
  readonly stride: number;
  readonly activation: Activation;
  /** Squeeze-and-excitation after the filters, if any. */
  readonly squeeze?: SqueezeExcite | undefined;
}

/** `[C, H, W]` → `[out, H', W']`, added to its input where the shape stays. */
export function invertedResidual(
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  options: InvertedResidual,
  style: MobileStyle,
): Place {
  const { out, expansion, kernel, stride, activation, squeeze } = options;
  const expands = expansion !== 1;
  // timm numbers batch norms as they come, and calls the last convolution `pwl` (linear) only after an expansion.
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
    // timm counts the fan out of one group, as TensorFlow does: one channel.
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

/** How a mobile network begins: a 3 × 3 convolution that halves the picture. */
export function mobileStem(b: ArchitectureBuilder, out: number, activation: Activation, style: MobileStyle): Place {
  const x = conv(b, b.image, "conv_stem", { out, kernel: 3, stride: 2, padding: style.padding(3) });
  return b.stage("conv_stem", normalised(b, x, "bn1", activation, style));
}

/** How it ends: weights uniform in ±√(1 / classes), TensorFlow's choice, and biases 0. */
export const mobileClassifier = (b: ArchitectureBuilder, features: Place): Definition =>
  classify(b, features, "classifier", {
    initialiser: { kind: "fan-in-uniform", fanIn: b.classes },
    biasInitialiser: { kind: "constant", value: 0 },
  });
