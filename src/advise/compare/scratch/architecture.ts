/**
 * The network that learns from nothing: a residual network after He et al. 2016 (arXiv 1512.03385, §4.2), small enough that a few
 * hundred pictures and a few minutes of a laptop do something for it. Sized to the data; a large network would learn no better from
 * so few and take far longer about it, which would be no fair chance.
 */
import { type ArchitectureBuilder, createArchitecture, type Place } from "../../../zoo/architectures/builder.ts";
import type { Definition } from "../../../zoo/architectures/definition.ts";
import { relu } from "../../../zoo/architectures/layers/activation.ts";
import { add } from "../../../zoo/architectures/layers/join.ts";
import { classify, conv } from "../../../zoo/architectures/layers/linear.ts";
import { batchNorm } from "../../../zoo/architectures/layers/norm.ts";

/** The size of the network, and of what it sees. */
export interface Sized {
  /** Channels of the first stage; each that follows has twice as many. */
  readonly width: number;
  /** Residual blocks, each on maps of half the side but the first. */
  readonly stages: number;
  /** Side of the input in pixels. */
  readonly side: number;
}

/** Sides of the input, the first where detail does not matter. Twice the side takes one stage more, of half the channels. */
export const SIDES = [64, 128] as const;

/** Channels of the last stage by the training images up to which they are taken. */
const bySize: readonly { readonly upTo: number; readonly channels: number }[] = [
  { upTo: 3000, channels: 128 },
  { upTo: Number.POSITIVE_INFINITY, channels: 256 },
];

/** The side of the last maps: small enough for a linear layer on all of them, large enough to tell where things are. */
const LAST = 4;

/** The size for so many training images, seen at a side. */
export function sizedFor(images: number, side: (typeof SIDES)[number]): Sized {
  const { channels } = bySize.find(({ upTo }) => images <= upTo)!;
  const stages = Math.log2(side / 2 / LAST) + 1;
  return { width: channels / 2 ** (stages - 1), stages, side };
}

/** Its name in words, for reports. */
export const describeSized = ({ width, stages, side }: Sized): string =>
  `a residual network of ${2 * stages + 1} convolutions, ${width} to ${width * 2 ** (stages - 1)} channels, on ${side} × ${side} pixels`;

/**
 * The definition: a stem, stages of one residual block each, a linear layer on the whole last map. Its mean, as larger networks
 * take it, would throw away where things are.
 */
export function smallResnet({ width, stages, side }: Sized, classes: number): Definition {
  const b = createArchitecture({ name: "small-resnet", inputSize: side }, { classes });
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
