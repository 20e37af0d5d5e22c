/**
 * Vision transformers: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", arXiv 2010.11929; and DINOv2: Oquab et al. 2024,
 * arXiv 2304.07193, without a classifier. The position embedding has one entry per patch, so that its size depends on the input's;
 * weights of another size are resampled.
 */
import { usageError } from "../../base/errors.ts";
import { int64Tensor } from "../../graph/tensor.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./builder.ts";
import type { Definition, DefinitionOptions, Family, Initialiser } from "./definition.ts";
import { add, reshape, transpose } from "./layers/join.ts";
import { classify, conv } from "./layers/linear.ts";
import { layerNorm } from "./layers/norm.ts";
import { slice, transformerBlock } from "./layers/transformer.ts";

interface Variant {
  /** Side of the square of pixels that becomes one token. */
  readonly patch: number;
  /** Channels of a token. */
  readonly width: number;
  readonly heads: number;
  readonly inputSize: number;
  /** Initial value of the layer scale, if there is one. */
  readonly initialScale?: number | undefined;
  /** False if no classifier is published; it then has one only if `classes` is set. Default true. */
  readonly classifier?: boolean | undefined;
  readonly ignored?: readonly RegExp[] | undefined;
}

const variants: Readonly<Record<string, Variant>> = {
  vit_tiny_patch16_224: { patch: 16, width: 192, heads: 3, inputSize: 224 },
  vit_small_patch16_224: { patch: 16, width: 384, heads: 6, inputSize: 224 },
  vit_base_patch16_224: { patch: 16, width: 768, heads: 12, inputSize: 224 },
  vit_small_patch14_dinov2: {
    patch: 14,
    width: 384,
    heads: 6,
    inputSize: 518,
    initialScale: 1e-5,
    classifier: false,
    // It masked patches in the authors' training.
    ignored: [/^mask_token$/],
  },
};

const DEPTH = 12;
const EXPANSION = 4;

/** The authors' "truncated" normal is cut off at ±2, a hundred standard deviations: effectively never. */
const initialiser: Initialiser = { kind: "normal", std: 0.02 };

export const vit: Family = new Map(
  Object.entries(variants).map(([name, variant]) => [name, (options) => define(name, variant, options)]),
);

function define(name: string, variant: Variant, options: DefinitionOptions = {}): Definition {
  const { classifier = true, heads, initialScale, ignored = [] } = variant;
  const b = createArchitecture({ name, inputSize: variant.inputSize }, options);
  let x = b.stage("patch_embed", positioned(b, patches(b, name, variant)));
  const block = { heads, expansion: EXPANSION, initialiser, initialScale };
  for (let index = 0; index < DEPTH; index++) {
    const stage = `blocks.${index}`;
    x = b.stage(stage, transformerBlock(b, x, stage, block));
  }
  x = b.stage("norm", layerNorm(b, x, "norm"));
  const features = reshape(b, slice(b, x, "class", 0, 1), "features", [variant.width]);
  if (!classifier && options.classes === undefined)
    return b.finish({ features, logits: features, classifier: "head", ignored });
  return classify(b, features, "head", { initialiser, ignored });
}

/** Cuts the image into squares and makes each a token: `[3, S, S]` → `[(S / patch)², C]`, row by row. */
function patches(b: ArchitectureBuilder, name: string, { patch, width }: Variant): Place {
  const side = b.image.dims[1]!;
  if (side % patch !== 0)
    throw usageError(
      `${name} cuts images into squares of ${patch} px: choose an input size that is a multiple of it, not ${side}.`,
    );
  const fanIn = 3 * patch ** 2;
  const map = conv(b, b.image, "patch_embed.proj", {
    out: width,
    kernel: patch,
    stride: patch,
    bias: true,
    initialiser: { kind: "fan-in-uniform" },
    biasInitialiser: { kind: "fan-in-uniform", fanIn },
  });
  return transpose(
    b,
    reshape(b, map, "patch_embed.columns", [width, (side / patch) ** 2]),
    "patch_embed.tokens",
    [1, 0],
  );
}

/**
 * Prepends the class token and adds the position embedding: `[T, C]` → `[T + 1, C]`. The class token is added to a row of zeros, so that
 * every image gets it without knowing the batch size.
 */
function positioned(b: ArchitectureBuilder, tokens: Place): Place {
  const [count, width] = [tokens.dims[0]!, tokens.dims[1]!];
  const dims = [count + 1, width];
  const cls = b.parameter("cls_token", [1, 1, width], "token", { kind: "normal", std: 1e-6 });
  const places = b.parameter("pos_embed", [1, ...dims], "token", initialiser);
  const after = b.constant("pad.after", int64Tensor([6], [0, 0, 0, 0, count, 0]));
  const before = b.constant("pad.before", int64Tensor([6], [0, 1, 0, 0, 0, 0]));
  const row = b.add("Pad", [cls, after], "cls_token.row", dims);
  const table = b.add("Add", [row, places], "pos_embed.table", dims);
  return add(b, b.add("Pad", [tokens, before], "patch_embed.padded", dims), table, "pos_embed.added");
}
