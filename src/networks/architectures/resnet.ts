/**
 * ResNet: He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv 1512.03385. timm and torchvision place a bottleneck's
 * stride in its 3 × 3 convolution; Keras, like the paper, in the first 1 × 1 convolution.
 */

import type { Definition, DefinitionOptions, Dialect, Family } from "./definition.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./definition.ts";
import { batchNorm, type ConvOptions, classify, conv } from "./layers/learned-layers.ts";
import { add, globalPool, maxPool, relu } from "./layers/tensor-layers.ts";

interface Variant {
  readonly block: Block;
  /** Blocks in each of the four stages. */
  readonly depths: readonly number[];
  readonly dialects?: readonly Dialect[] | undefined;
}

/** The residual branch of a block: its convolutions, in order. */
type Block = (width: number, stride: number, style: Style) => readonly ConvOptions[];

/** What differs between dialects. */
interface Style {
  readonly epsilon: number;
  /** Whether convolutions have a bias before the batch norm. */
  readonly bias: boolean;
  /** The index of the bottleneck's convolution with the stride. */
  readonly strideAt: 0 | 1;
}

const styles: Readonly<Record<Dialect, Style>> = {
  timm: { epsilon: 1e-5, bias: false, strideAt: 1 },
  keras: { epsilon: 1.001e-5, bias: true, strideAt: 0 },
};

const basic: Block = (width, stride) => [
  { out: width, kernel: 3, padding: 1, stride },
  { out: width, kernel: 3, padding: 1 },
];

const bottleneck: Block = (width, stride, { strideAt }) => [
  { out: width, kernel: 1, stride: strideAt === 0 ? stride : 1 },
  { out: width, kernel: 3, padding: 1, stride: strideAt === 1 ? stride : 1 },
  { out: 4 * width, kernel: 1 },
];

const both: readonly Dialect[] = ["timm", "keras"];

const variants: Readonly<Record<string, Variant>> = {
  resnet18: { block: basic, depths: [2, 2, 2, 2] },
  resnet34: { block: basic, depths: [3, 4, 6, 3] },
  resnet50: { block: bottleneck, depths: [3, 4, 6, 3], dialects: both },
  resnet101: { block: bottleneck, depths: [3, 4, 23, 3], dialects: both },
  resnet152: { block: bottleneck, depths: [3, 8, 36, 3], dialects: both },
};

export const resnet: Family = new Map(
  Object.entries(variants).map(([name, variant]) => [name, (options) => define(name, variant, options)]),
);

function define(name: string, variant: Variant, options?: DefinitionOptions): Definition {
  const b = createArchitecture({ name, inputSize: 224, ...variant }, options);
  const style = styles[b.dialect];
  const { epsilon, bias } = style;
  let x = conv(b, b.image, "conv1", { out: 64, kernel: 7, stride: 2, padding: 3, bias });
  x = relu(b, batchNorm(b, x, "bn1", { epsilon }), "act1");
  x = b.stage("conv1", maxPool(b, x, "maxpool", { kernel: 3, stride: 2, padding: 1 }));
  for (const [stage, depth] of variant.depths.entries()) {
    const layer = `layer${stage + 1}`;
    for (let index = 0; index < depth; index++) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      x = residual(b, x, `${layer}.${index}`, variant.block(64 * 2 ** stage, stride, style), style);
    }
    b.stage(layer, x);
  }
  return classify(b, globalPool(b, x), "fc");
}

/** Adds the branch to its input; a projection adapts the input if the shapes differ. */
function residual(
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  branch: readonly ConvOptions[],
  { epsilon, bias }: Style,
): Place {
  const last = branch.length;
  let y = x;
  for (const [index, options] of branch.entries()) {
    const number = index + 1;
    y = conv(b, y, `${name}.conv${number}`, { ...options, bias });
    y = batchNorm(b, y, `${name}.bn${number}`, { epsilon, initialScale: number === last ? 0 : 1 });
    if (number < last) y = relu(b, y, `${name}.act${number}`);
  }
  const alike = x.dims.every((size, axis) => size === y.dims[axis]);
  return relu(b, add(b, y, alike ? x : shortcut(), `${name}.add`), `${name}.act${last}`);

  function shortcut(): Place {
    const stride = x.dims[1]! > y.dims[1]! ? 2 : 1;
    const projected = conv(b, x, `${name}.downsample.0`, { out: y.dims[0]!, kernel: 1, stride, bias });
    return batchNorm(b, projected, `${name}.downsample.1`, { epsilon });
  }
}
