/**
 * ConvNeXt: Liu et al. 2022, "A ConvNet for the 2020s", arXiv 2201.03545. Keras computes exactly the same.
 */

import type { Definition, DefinitionOptions, Family, Initialiser } from "./definition.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./definition.ts";
import { classify, conv, depthwise, layerNorm, layerNorm2d, layerScale, linear } from "./layers/learned-layers.ts";
import { add, channelsFirst, channelsLast, gelu, globalPool } from "./layers/tensor-layers.ts";

interface Variant {
  /** Blocks in each stage. */
  readonly depths: readonly number[];
  /** Channels of each stage. */
  readonly widths: readonly number[];
}

const variants: Readonly<Record<string, Variant>> = {
  convnext_tiny: { depths: [3, 3, 9, 3], widths: [96, 192, 384, 768] },
  convnext_small: { depths: [3, 3, 27, 3], widths: [96, 192, 384, 768] },
};

/** The authors' "truncated" normal is cut off at ±2, a hundred standard deviations: effectively never. */
const initialiser: Initialiser = { kind: "normal", std: 0.02 };
/** The initial scale of every block's branch. */
const INITIAL_SCALE = 1e-6;
/** How much wider a block is inside. */
const EXPANSION = 4;

export const convnext: Family = new Map(
  Object.entries(variants).map(([name, variant]) => [name, (options) => define(name, variant, options)]),
);

function define(name: string, { depths, widths }: Variant, options?: DefinitionOptions): Definition {
  const b = createArchitecture({ name, inputSize: 224, dialects: ["timm", "keras"] }, options);
  const patches = { kernel: 4, stride: 4, bias: true, initialiser };
  let x = conv(b, b.image, "stem.0", { ...patches, out: widths[0]! });
  x = b.stage("stem", layerNorm2d(b, x, "stem.1"));
  for (const [index, depth] of depths.entries()) {
    const stage = `stages.${index}`;
    if (index > 0) {
      x = layerNorm2d(b, x, `${stage}.downsample.0`);
      const halves = { kernel: 2, stride: 2, bias: true, initialiser };
      x = conv(b, x, `${stage}.downsample.1`, { ...halves, out: widths[index]! });
    }
    for (let block = 0; block < depth; block++) x = residual(b, x, `${stage}.blocks.${block}`);
    b.stage(stage, x);
  }
  const features = b.stage("head.norm", layerNorm(b, globalPool(b, x), "head.norm"));
  return classify(b, features, "head.fc", { initialiser });
}

/** A block: wide depthwise filters, then two layers that mix the channels of each pixel, scaled and added to the input. */
function residual(b: ArchitectureBuilder, x: Place, name: string): Place {
  const channels = x.dims[0]!;
  const filtered = depthwise(b, x, `${name}.conv_dw`, { kernel: 7, padding: 3, bias: true, initialiser });
  let y = channelsLast(b, filtered, `${name}.pixels`);
  y = layerNorm(b, y, `${name}.norm`);
  y = gelu(b, linear(b, y, `${name}.mlp.fc1`, { out: EXPANSION * channels, initialiser }), `${name}.mlp.act`);
  y = linear(b, y, `${name}.mlp.fc2`, { out: channels, initialiser });
  y = layerScale(b, y, name, INITIAL_SCALE);
  return add(b, channelsFirst(b, y, `${name}.map`), x, `${name}.add`);
}
