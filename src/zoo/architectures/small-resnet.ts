/**
 * Networks for training from scratch with little: residual networks after He et al. 2016 (arXiv 1512.03385, §4.2), small enough that a
 * few hundred images and a few minutes of a laptop do something for them. A large network would learn no better from so few, and take far
 * longer about it. Nobody publishes weights for them: they are opened fresh alone.
 */
import { type ArchitectureBuilder, createArchitecture, type Place } from "./builder.ts";
import type { Definition, DefinitionOptions, Family } from "./definition.ts";
import { relu } from "./layers/activation.ts";
import { add } from "./layers/join.ts";
import { classify, conv } from "./layers/linear.ts";
import { batchNorm } from "./layers/norm.ts";

/** The side of the last maps: small enough for a linear layer on all of them, large enough to tell where things are. */
const LAST = 4;

/** A variant by the side of its input and the channels of its last stage. Twice the side takes one stage more, of half the channels. */
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

/** One of them in words, for reports. */
export function describeSmallResnet(name: string): string {
  const variant = variants[name]!;
  const stages = stagesOf(variant);
  const { side, channels } = variant;
  return `a residual network of ${2 * stages + 1} convolutions, ${channels / 2 ** (stages - 1)} to ${channels} channels, on ${side} × ${side} pixels`;
}

/**
 * The definition: a stem, stages of one residual block each, a linear layer on the whole last map. Its mean, as larger networks
 * take it, would throw away where things are.
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
