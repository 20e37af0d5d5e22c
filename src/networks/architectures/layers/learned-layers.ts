/**
 * Layers with parameters: convolution, the fully connected layer, normalisations, and transformer layers. Layers without parameters
 * are in tensor-layers.ts.
 */
import { float, float32Tensor, int64Tensor } from "../../../onnx/model.ts";
import type { ArchitectureBuilder, Definition, Initialiser, Place } from "../definition.ts";
import {
  add,
  channelsFirst,
  channelsLast,
  gelu,
  multiply,
  reshape,
  scalar,
  slide,
  transpose,
  type Window,
} from "./tensor-layers.ts";

const heOut: Initialiser = { kind: "kaiming-normal", fan: "out" };
const zero: Initialiser = { kind: "constant", value: 0 };

export interface ConvOptions extends Window {
  /** Output channels. */
  readonly out: number;
  /** Groups of channels that do not mix; as many as input channels for a depthwise convolution. Default 1. */
  readonly groups?: number | undefined;
  /** Default false, because a normalisation follows. */
  readonly bias?: boolean | undefined;
  /** Default: He's normal over the fan out. */
  readonly initialiser?: Initialiser | undefined;
  /** Default 0. */
  readonly biasInitialiser?: Initialiser | undefined;
}

/** 2-D convolution, `[C, H, W]` → `[out, H', W']`, with a weight `[out, C / groups, rows, columns]` in PyTorch's layout. */
export function conv(b: ArchitectureBuilder, x: Place, name: string, options: ConvOptions): Place {
  const { out, groups = 1, bias = false, initialiser = heOut, biasInitialiser = zero } = options;
  const channels = x.dims[0]!;
  if (channels % groups || out % groups)
    throw new RangeError(`"${name}" cannot split ${channels} or ${out} channels into ${groups} groups.`);
  const { kernel, attributes, height, width } = slide(x, options);
  const inputs = [b.parameter(`${name}.weight`, [out, channels / groups, ...kernel], "weight", initialiser)];
  if (bias) inputs.push(b.parameter(`${name}.bias`, [out], "bias", biasInitialiser));
  return b.add("Conv", [x, ...inputs], name, [out, height, width], { ...attributes, group: groups });
}

/** Depthwise convolution, `[C, H, W]` → `[C, H', W']`. Its fan in is the kernel's area. */
export const depthwise = (
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  options: Omit<ConvOptions, "out" | "groups">,
): Place =>
  conv(b, x, name, {
    initialiser: { kind: "kaiming-normal", fan: "in" },
    ...options,
    out: x.dims[0]!,
    groups: x.dims[0]!,
  });

export interface LinearOptions {
  /** Output channels. */
  readonly out: number;
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** Default: PyTorch's, uniform over the fan in. */
  readonly initialiser?: Initialiser | undefined;
  /** Default: the weight's if that is uniform over the fan in, otherwise 0. */
  readonly biasInitialiser?: Initialiser | undefined;
}

/**
 * Fully connected layer over the last axis, `[…, C]` → `[…, out]`, with a weight `[out, C]` in PyTorch's layout. Vectors use a `Gemm`
 * with output `name`; tokens use a `MatMul` with the transposed weight, which constant folding removes.
 */
export function linear(b: ArchitectureBuilder, x: Place, name: string, options: LinearOptions): Place {
  return linearAs(b, x, name, name, options);
}

/**
 * Adds the last layer, `[C]` → `logits` `[classes]`, and finishes the definition.
 *
 * @param name the prefix of the classifier's parameters: `fc`
 */
export function classify(
  b: ArchitectureBuilder,
  features: Place,
  name: string,
  options: Omit<LinearOptions, "out"> & { readonly ignored?: readonly RegExp[] | undefined } = {},
): Definition {
  const { ignored, ...rest } = options;
  const logits = linearAs(b, features, name, "logits", { ...rest, out: b.classes });
  return b.finish({ features, logits, classifier: name, ignored });
}

function linearAs(b: ArchitectureBuilder, x: Place, name: string, output: string, options: LinearOptions): Place {
  const fanIn = x.dims.at(-1)!;
  const { out, bias = true, initialiser = { kind: "fan-in-uniform" } } = options;
  const { biasInitialiser = initialiser.kind === "fan-in-uniform" ? { ...initialiser, fanIn } : zero } = options;
  const weight = b.parameter(`${name}.weight`, [out, fanIn], "weight", initialiser);
  const biases = bias ? [b.parameter(`${name}.bias`, [out], "bias", biasInitialiser)] : [];
  const dims = [...x.dims.slice(0, -1), out];
  if (dims.length === 1) return b.add("Gemm", [x, weight, ...biases], output, dims, { transB: 1 });
  const transposed = b.add("Transpose", [weight], `${name}.weight.T`, [fanIn, out], { perm: [1, 0] });
  const product = b.add("MatMul", [x, transposed], bias ? `${output}.matmul` : output, dims);
  return bias ? b.add("Add", [product, ...biases], output, dims) : product;
}

// Normalisations. Batch norm is a separate node, in inference mode.

const constant = (value: number): Initialiser => ({ kind: "constant", value });

export interface BatchNormOptions {
  /** Default 1e-5, PyTorch's. */
  readonly epsilon?: number | undefined;
  /** Whether it has a learned scale (`weight`); otherwise the scale is 1. Default true. */
  readonly scale?: boolean | undefined;
  /** The initial scale; with 0, a residual block starts as the identity. Default 1. */
  readonly initialScale?: number | undefined;
}

/** Batch normalisation over the channels of a map `[C, H, W]`: Ioffe and Szegedy 2015, arXiv 1502.03167. */
export function batchNorm(b: ArchitectureBuilder, x: Place, name: string, options: BatchNormOptions = {}): Place {
  const { epsilon = 1e-5, scale = true, initialScale = 1 } = options;
  const channels = x.dims[0]!;
  const parameters = [
    scale
      ? b.parameter(`${name}.weight`, [channels], "norm", constant(initialScale))
      : b.constant(`ones.${channels}`, float32Tensor([channels], new Float32Array(channels).fill(1))),
    b.parameter(`${name}.bias`, [channels], "norm", constant(0)),
    b.parameter(`${name}.running_mean`, [channels], "running", constant(0)),
    b.parameter(`${name}.running_var`, [channels], "running", constant(1)),
  ];
  return b.add("BatchNormalization", [x, ...parameters], name, x.dims, { epsilon: float(epsilon) });
}

/** Layer normalisation over the last axis `[…, C]`: Ba, Kiros and Hinton 2016, arXiv 1607.06450. Default epsilon: 1e-6, timm's. */
export const layerNorm = (b: ArchitectureBuilder, x: Place, name: string, epsilon = 1e-6): Place =>
  layerNormAs(b, x, name, name, epsilon);

/** Layer normalisation over the channels of each pixel of a map `[C, H, W]`. */
export function layerNorm2d(b: ArchitectureBuilder, x: Place, name: string, epsilon = 1e-6): Place {
  const pixels = channelsLast(b, x, `${name}.pixels`);
  return channelsFirst(b, layerNormAs(b, pixels, name, `${name}.normalised`, epsilon), name);
}

function layerNormAs(b: ArchitectureBuilder, x: Place, name: string, output: string, epsilon: number): Place {
  const channels = x.dims.at(-1)!;
  const weight = b.parameter(`${name}.weight`, [channels], "norm", constant(1));
  const bias = b.parameter(`${name}.bias`, [channels], "norm", constant(0));
  return b.add("LayerNormalization", [x, weight, bias], output, x.dims, { axis: -1, epsilon: float(epsilon) });
}

// Transformer layers for tokens `[T, C]`: Vaswani et al. 2017, arXiv 1706.03762, in the order of Dosovitskiy et al. 2021, arXiv
// 2010.11929 (normalise first). They consist of matrix products and a softmax, which have gradients.

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
