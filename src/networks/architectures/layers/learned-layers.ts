/** Layers with parameters: convolution, the fully connected layer, and normalisations. */

import { float, float32Tensor } from "../../../onnx/model.ts";
import type { ArchitectureBuilder, Definition, Initialiser, Place } from "../definition.ts";
import { slide, type Window } from "./pooling-layers.ts";
import { channelsFirst, channelsLast } from "./tensor-layers.ts";

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

// Normalisation layers. Batch norm is a separate node, in inference mode.

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
