/**
 * VGG: Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv 1409.1556.
 * Names and layout as in timm's `vgg.py`, where the two hidden fully connected layers are convolutions (`pre_logits`).
 */

import type { Definition, DefinitionOptions, Dialect, Family } from "./definition.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./definition.ts";
import { batchNorm, classify, conv } from "./layers/learned-layers.ts";
import { adaptiveAverage, globalPool, maxPool, relu } from "./layers/tensor-layers.ts";

interface Variant {
  /** Convolutions in each of the five blocks. */
  readonly depths: readonly number[];
  /** Whether each convolution has a batch norm. Default false. Keras has only the two deepest networks, without batch norm. */
  readonly norm?: boolean | undefined;
  readonly dialects?: readonly Dialect[] | undefined;
}

const variants: Readonly<Record<string, Variant>> = {
  vgg11: { depths: [1, 1, 2, 2, 2] },
  vgg11_bn: { depths: [1, 1, 2, 2, 2], norm: true },
  vgg13: { depths: [2, 2, 2, 2, 2] },
  vgg13_bn: { depths: [2, 2, 2, 2, 2], norm: true },
  vgg16: { depths: [2, 2, 3, 3, 3], dialects: ["timm", "keras"] },
  vgg16_bn: { depths: [2, 2, 3, 3, 3], norm: true },
  vgg19: { depths: [2, 2, 4, 4, 4], dialects: ["timm", "keras"] },
  vgg19_bn: { depths: [2, 2, 4, 4, 4], norm: true },
};

/** Channels of the five blocks. */
const WIDTHS = [64, 128, 256, 512, 512];
/** Channels of the two hidden layers after them. */
const HIDDEN = 4096;
/** Side of the map that the first hidden layer covers, in pixels. */
const WINDOW = 7;

export const vgg: Family = new Map(
  Object.entries(variants).map(([name, variant]) => [name, (options) => define(name, variant, options)]),
);

function define(name: string, variant: Variant, options?: DefinitionOptions): Definition {
  const b = createArchitecture({ name, inputSize: 224, ...variant }, options);
  const hidden = preLogits(b, features(b, variant));
  return classify(b, globalPool(b, hidden, "head.global_pool"), "head.fc", {
    initialiser: { kind: "normal", std: 0.01 },
  });
}

/** Five blocks of 3 × 3 convolutions, each with a pooling at the end that halves the map. Modules are numbered in sequence. */
function features(b: ArchitectureBuilder, { depths, norm = false }: Variant): Place {
  let x = b.image;
  let index = 0;
  const next = (): string => `features.${index++}`;
  for (const [block, depth] of depths.entries()) {
    const first = `features.${index}`;
    for (let layer = 0; layer < depth; layer++) {
      x = conv(b, x, next(), { out: WIDTHS[block]!, kernel: 3, padding: 1, bias: true });
      if (norm) x = batchNorm(b, x, next());
      x = relu(b, x, next());
    }
    x = b.stage(first, maxPool(b, x, next(), { kernel: 2, stride: 2 }));
  }
  return x;
}

/** The two hidden layers. A map smaller than the window (images below 224 px) is enlarged to it first. */
function preLogits(b: ArchitectureBuilder, x: Place): Place {
  const small = x.dims[1]! < WINDOW;
  const map = small ? adaptiveAverage(b, x, "pre_logits.pool", WINDOW) : x;
  const first = conv(b, map, "pre_logits.fc1", { out: HIDDEN, kernel: WINDOW, bias: true });
  const second = conv(b, relu(b, first, "pre_logits.act1"), "pre_logits.fc2", { out: HIDDEN, kernel: 1, bias: true });
  return b.stage("pre_logits", relu(b, second, "pre_logits.act2"));
}
