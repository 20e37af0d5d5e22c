/**
 * Transformer layers for tokens `[T, C]`: Vaswani et al. 2017, arXiv 1706.03762, in the order of Dosovitskiy et al. 2021, arXiv
 * 2010.11929 (normalise first). They consist of matrix products and a softmax, which have gradients.
 */
import { int64Tensor } from "../../../onnx/model.ts";
import type { ArchitectureBuilder, Initialiser, Place } from "../definition.ts";
import { layerNorm, linear } from "./learned-layers.ts";
import { add, gelu, multiply, reshape, scalar, transpose } from "./tensor-layers.ts";

export interface TransformerBlock {
  /** The number of heads; it divides the number of channels. */
  readonly heads: number;
  /** Width of the hidden layer as a multiple of the channels. */
  readonly expansion: number;
  /** Initial layer scale of both branches, if there is one: arXiv 2103.17239. */
  readonly initialScale?: number | undefined;
  /** For every matrix. */
  readonly initialiser: Initialiser;
}

/** Attention, then two layers on each token; each branch is normalised before and added to its input. */
export function transformerBlock(b: ArchitectureBuilder, x: Place, name: string, options: TransformerBlock): Place {
  const { heads, expansion, initialScale, initialiser } = options;
  const branch = (y: Place, number: 1 | 2): Place =>
    initialScale === undefined ? y : layerScale(b, y, `${name}.ls${number}`, initialScale);

  const normed = layerNorm(b, x, `${name}.norm1`);
  const attended = branch(attention(b, normed, `${name}.attn`, heads, initialiser), 1);
  const y = add(b, x, attended, `${name}.add1`);

  const channels = x.dims[1]!;
  const wide = linear(b, layerNorm(b, y, `${name}.norm2`), `${name}.mlp.fc1`, {
    out: expansion * channels,
    initialiser,
  });
  const narrow = linear(b, gelu(b, wide, `${name}.mlp.act`), `${name}.mlp.fc2`, { out: channels, initialiser });
  return add(b, y, branch(narrow, 2), `${name}.add2`);
}

/** Scales the channels, the last axis, by learned factors: parameter `name.gamma`. */
export function layerScale(b: ArchitectureBuilder, x: Place, name: string, initial: number): Place {
  const gamma = b.parameter(`${name}.gamma`, [x.dims.at(-1)!], "scale", { kind: "constant", value: initial });
  return multiply(b, x, gamma, `${name}.scaled`);
}

/**
 * Multi-head self-attention, `[T, C]` → `[T, C]`: softmax(q kᵀ / √D) v in each head of D channels. One matrix, `qkv`, computes queries,
 * keys and values, in this order; `proj` mixes the heads' outputs.
 */
export function attention(
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  heads: number,
  initialiser: Initialiser,
): Place {
  const [tokens, channels] = [x.dims[0]!, x.dims[1]!];
  const depth = channels / heads;
  if (!Number.isInteger(depth))
    throw new RangeError(`"${name}" cannot split ${channels} channels into ${heads} heads.`);
  const all = linear(b, x, `${name}.qkv`, { out: 3 * channels, initialiser });
  const split = transpose(b, reshape(b, all, `${name}.split`, [tokens, 3 * heads, depth]), `${name}.heads`, [1, 0, 2]);
  const part = (index: number, part: string): Place => slice(b, split, `${name}.${part}`, index * heads, heads);
  const keys = transpose(b, part(1, "k"), `${name}.k.T`, [0, 2, 1]);
  const queries = multiply(b, part(0, "q"), scalar(b, depth ** -0.5), `${name}.q.scaled`);
  const scores = b.add("MatMul", [queries, keys], `${name}.scores`, [heads, tokens, tokens]);
  const shares = b.add("Softmax", [scores], `${name}.softmax`, scores.dims, { axis: -1 });
  const mixed = b.add("MatMul", [shares, part(2, "v")], `${name}.mixed`, [heads, tokens, depth]);
  const joined = reshape(b, transpose(b, mixed, `${name}.tokens`, [1, 0, 2]), `${name}.joined`, [tokens, channels]);
  return linear(b, joined, `${name}.proj`, { out: channels, initialiser });
}

/** `count` entries of the first axis, starting at `start`. */
export function slice(b: ArchitectureBuilder, x: Place, name: string, start: number, count: number): Place {
  const index = (value: number): string => b.constant(`index.${value}`, int64Tensor([1], [value]));
  return b.add("Slice", [x, index(start), index(start + count), index(1)], name, [count, ...x.dims.slice(1)]);
}
