/**
 * MobileNetV2: Sandler and others 2018, "Inverted Residuals and Linear Bottlenecks", arXiv 1801.04381. Of any width; the
 * deeper variants are timm's.
 */
import { usageError } from "../../base/errors.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./builder.ts";
import { roundChannels, roundRepeats } from "./channels.ts";
import type { Definition, DefinitionOptions, Dialect, Family } from "./definition.ts";
import { relu6 } from "./layers/activation.ts";
import { add } from "./layers/join.ts";
import { classify, conv, depthwise } from "./layers/linear.ts";
import { batchNorm } from "./layers/norm.ts";
import { globalPool } from "./layers/pool.ts";
import type { Padding } from "./layers/window.ts";

/** Table 2 of the paper: expansion, channels, repetitions and stride of the first. */
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
  /** Multiplier of repetitions. Given, stem and head keep their width, and the first and last stage their depth. */
  readonly depth?: number;
  readonly dialects?: readonly Dialect[];
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
 * MobileNetV2 of any width, named in hundredths as timm does: 1.3 is `mobilenetv2_130`.
 *
 * @throws GraftError (`usage`) for a width that is not between 0.05 and 8
 */
export function mobilenetV2Of(width: number, options?: DefinitionOptions): Definition {
  if (!(width >= 0.05 && width <= 8))
    throw usageError(`A MobileNetV2 can be 0.05 to 8 times as wide as the published one, not ${width}.`);
  return define(`mobilenetv2_${String(Math.round(width * 100)).padStart(3, "0")}`, { width }, options);
}

/** What differs between dialects. */
interface Style {
  readonly epsilon: number;
  /** Of 3 × 3 convolutions. */
  readonly padding: Padding;
  /** Channels of a block at a width, before rounding to eights. */
  readonly scaled: (channels: number, width: number) => number;
}

const styles: Readonly<Record<Dialect, Style>> = {
  timm: { epsilon: 1e-5, padding: 1, scaled: (channels, width) => channels * width },
  keras: { epsilon: 1e-3, padding: "same", scaled: (channels, width) => Math.trunc(channels * width) },
};

function define(name: string, variant: Variant, options?: DefinitionOptions): Definition {
  const { width, depth, dialects = ["timm", "keras"] } = variant;
  const b = createArchitecture({ name, inputSize: 224, dialects }, options);
  const style = styles[b.dialect];
  const ends = depth === undefined ? width : 1;
  let x = conv(b, b.image, "conv_stem", {
    out: roundChannels(STEM, ends),
    kernel: 3,
    stride: 2,
    padding: style.padding,
  });
  x = b.stage("conv_stem", activated(b, x, "bn1", style));
  for (const [index, { expansion, channels, repeats, stride }] of stages.entries()) {
    const inner = index > 0 && index < stages.length - 1;
    const count = roundRepeats(repeats, inner ? depth : 1);
    const out = roundChannels(style.scaled(channels, width));
    for (let block = 0; block < count; block++)
      x = inverted(b, x, `blocks.${index}.${block}`, { expansion, out, stride: block === 0 ? stride : 1 }, style);
    b.stage(`blocks.${index}`, x);
  }
  x = conv(b, x, "conv_head", { out: Math.max(HEAD, roundChannels(HEAD, ends)), kernel: 1 });
  x = b.stage("conv_head", activated(b, x, "bn2", style));
  return classify(b, globalPool(b, x), "classifier", {
    initialiser: { kind: "fan-in-uniform", fanIn: b.classes },
    biasInitialiser: { kind: "constant", value: 0 },
  });
}

/** Widen, filter each channel, narrow; added to its input where the shape stays. Without expansion the first step falls away. */
function inverted(
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  { expansion, out, stride }: { readonly expansion: number; readonly out: number; readonly stride: number },
  style: Style,
): Place {
  const { epsilon, padding } = style;
  const expands = expansion > 1;
  // timm numbers batch norms as they come, and calls the last convolution `pwl` (linear) only after an expansion.
  const [filterNorm, lastConv, lastNorm] = expands ? ["bn2", "conv_pwl", "bn3"] : ["bn1", "conv_pw", "bn2"];
  let y = x;
  if (expands) {
    y = conv(b, y, `${name}.conv_pw`, { out: roundChannels(x.dims[0]! * expansion), kernel: 1 });
    y = activated(b, y, `${name}.bn1`, style);
  }
  y = depthwise(b, y, `${name}.conv_dw`, { kernel: 3, stride, padding });
  y = activated(b, y, `${name}.${filterNorm}`, style);
  y = batchNorm(b, conv(b, y, `${name}.${lastConv}`, { out, kernel: 1 }), `${name}.${lastNorm}`, { epsilon });
  return stride === 1 && x.dims[0] === out ? add(b, y, x, `${name}.add`) : y;
}

const activated = (b: ArchitectureBuilder, x: Place, name: string, { epsilon }: Style): Place =>
  relu6(b, batchNorm(b, x, name, { epsilon }), `${name}.act`);
