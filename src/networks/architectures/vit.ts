/**
 * Vision transformers: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", arXiv 2010.11929; and DINOv2: Oquab et al. 2024,
 * arXiv 2304.07193, without a classifier. The position embedding has one entry per patch, so that its size depends on the input's;
 * weights of another size are resampled.
 */
import { dataError, usageError } from "../../base/errors.ts";
import { asFloat32, float32Tensor, int64Tensor, type Tensor } from "../../onnx/model.ts";
import {
  type ArchitectureBuilder,
  createArchitecture,
  type Definition,
  type DefinitionOptions,
  type Family,
  type Initialiser,
  type Place,
} from "./definition.ts";
import { classify, conv, layerNorm, slice, transformerBlock } from "./layers/learned-layers.ts";
import { add, reshape, transpose } from "./layers/tensor-layers.ts";

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

// The position embedding, resampled for another input size. It has one entry per patch, so that it is resized like an image; the class
// token's entry is unchanged. As timm's `resample_abs_pos_embed`.

/** timm's name of the parameter, `[1, tokens, C]`. */
const NAME = "pos_embed";

/** Tokens before the patches: the class token. */
const PREFIX = 1;

/** The parameter of the cubic kernel: Keys 1981 with a = −½, as in PyTorch's antialiased bicubic and in Pillow. */
const A = -0.5;

/**
 * `weights` with the position embedding resampled to the definition's input size, if it differs from the one of the weights. All else
 * is unchanged.
 *
 * @throws GraftError (`data`) if the patches of the embedding do not form a square
 */
export function withPositions(
  definition: Pick<Definition, "name" | "parameters">,
  weights: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const tokens = definition.parameters.get(NAME)?.dims[1];
  const given = weights.get(NAME);
  if (tokens === undefined || given?.type !== "float32" || given.dims.length !== 3 || given.dims[1] === tokens)
    return weights;
  const patches = given.dims[1]! - PREFIX;
  const side = Math.sqrt(patches);
  if (given.dims[0] !== 1 || !(side >= 1) || !Number.isInteger(side))
    throw dataError(
      `The weights do not fit ${definition.name}: their position embedding [${given.dims}] is not for a square of patches; pass weights made for ${definition.name}.`,
    );
  return new Map([...weights, [NAME, resamplePositions(given, Math.sqrt(tokens - PREFIX))]]);
}

/**
 * Resamples a position embedding `[1, 1 + S², C]` to `side` × `side` patches, `[1, 1 + side², C]`, by bicubic interpolation with
 * antialiasing when it shrinks. The class token's entry is unchanged.
 */
export function resamplePositions({ dims, ...rest }: Tensor, side: number): Tensor {
  const [, tokens, width] = dims as [number, number, number];
  const from = Math.sqrt(tokens - PREFIX);
  const source = asFloat32({ dims, ...rest });
  const matrix = cubicMatrix(from, side);
  const found = new Float32Array((PREFIX + side ** 2) * width);
  found.set(source.subarray(0, PREFIX * width));
  const rows = resampleAxis(source.subarray(PREFIX * width), matrix, {
    from,
    to: side,
    before: 1,
    after: from * width,
  });
  const both = resampleAxis(rows, matrix, { from, to: side, before: side, after: width });
  found.set(both, PREFIX * width);
  return float32Tensor([1, PREFIX + side ** 2, width], found);
}

/** An axis to resample from `from` to `to` entries, between `before` outer and `after` inner elements. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly before: number;
  readonly after: number;
}

/** Multiplies an axis by a matrix `[to, from]`, in float64. */
function resampleAxis(
  values: ArrayLike<number>,
  matrix: readonly (readonly number[])[],
  { from, to, before, after }: Axis,
): Float64Array {
  const found = new Float64Array(before * to * after);
  for (let outer = 0; outer < before; outer++)
    for (const [at, factors] of matrix.entries())
      for (const [source, factor] of factors.entries()) {
        if (factor === 0) continue;
        const [target, origin] = [(outer * to + at) * after, (outer * from + source) * after];
        for (let inner = 0; inner < after; inner++) found[target + inner]! += factor * values[origin + inner]!;
      }
  return found;
}

/** The matrix `[to, from]` of bicubic interpolation between pixel centres; each row sums to 1. */
function cubicMatrix(from: number, to: number): number[][] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, index) => {
    const centre = scale * (index + 0.5);
    const row = Array.from({ length: from }, (_, at) => cubic((at + 0.5 - centre) / stretch));
    const sum = row.reduce((total, factor) => total + factor, 0);
    return row.map((factor) => factor / sum);
  });
}

/** Keys' cubic convolution kernel, 0 beyond ±2. */
function cubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * A;
  return 0;
}
