/**
 * Small residual networks for training from scratch, after He et al. 2016 (arXiv 1512.03385, §4.2). A few hundred images and a few minutes
 * on a laptop suffice to train them; a large network would take far longer and learn no more from so few images. There are no published
 * weights.
 */

import type { Definition, DefinitionOptions, Family } from "./definition.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./definition.ts";
import { batchNorm, classify, conv } from "./layers/learned-layers.ts";
import { add, relu } from "./layers/tensor-layers.ts";

/** Side of the last map, in pixels: small enough for a linear layer on all of it, large enough to keep positions. */
const LAST = 4;

/** The side of the input in pixels and the channels of the last stage. Twice the side needs one more stage, with half the channels. */
interface Variant {
  readonly side: number;
  readonly channels: number;
}

const variants: Readonly<Record<string, Variant>> = {
  small_resnet_64: { side: 64, channels: 128 },
  small_resnet_128: { side: 128, channels: 128 },
  small_resnet_wide_64: { side: 64, channels: 256 },
  small_resnet_wide_128: { side: 128, channels: 256 },
};

export const smallResnets: Family = new Map(
  Object.entries(variants).map(([name, variant]) => [name, (options) => smallResnet(name, variant, options)]),
);

const stagesOf = ({ side }: Variant): number => Math.log2(side / 2 / LAST) + 1;

/** A description for reports. */
export function describeSmallResnet(name: string): string {
  const variant = variants[name]!;
  const stages = stagesOf(variant);
  const { side, channels } = variant;
  return `a residual network of ${2 * stages + 1} convolutions, ${channels / 2 ** (stages - 1)} to ${channels} channels, on ${side} × ${side} pixels`;
}

/**
 * A stem, stages of one residual block each, and a linear layer on the whole last map: averaging the map, as larger networks do, would
 * discard positions.
 */
function smallResnet(name: string, variant: Variant, options: DefinitionOptions = {}): Definition {
  const b = createArchitecture({ name, inputSize: variant.side }, { ...options, classes: options.classes ?? 2 });
  const stages = stagesOf(variant);
  const width = variant.channels / 2 ** (stages - 1);
  let x = conv(b, b.image, "stem.conv", { out: width, kernel: 3, stride: 2, padding: 1 });
  x = b.stage("stem", relu(b, batchNorm(b, x, "stem.bn"), "stem.act"));
  for (let stage = 0; stage < stages; stage++)
    x = b.stage(`stage${stage + 1}`, block(b, x, `stage${stage + 1}`, width * 2 ** stage, stage === 0 ? 1 : 2));
  const size = x.dims.reduce((product, dim) => product * dim, 1);
  return classify(b, b.add("Flatten", [x], "flat", [size], { axis: 1 }), "fc");
}

function block(b: ArchitectureBuilder, x: Place, name: string, out: number, stride: number): Place {
  let y = conv(b, x, `${name}.conv1`, { out, kernel: 3, stride, padding: 1 });
  y = relu(b, batchNorm(b, y, `${name}.bn1`), `${name}.act1`);
  y = conv(b, y, `${name}.conv2`, { out, kernel: 3, padding: 1 });
  y = batchNorm(b, y, `${name}.bn2`, { initialScale: 0 });
  const shortcut = stride === 1 ? x : conv(b, x, `${name}.shortcut`, { out, kernel: 1, stride });
  return relu(b, add(b, y, shortcut, `${name}.add`), `${name}.act2`);
}
