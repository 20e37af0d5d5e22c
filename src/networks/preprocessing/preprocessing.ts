/**
 * Preprocessing: how pixels become a network's input. It is data that is stored with the weights, and a piece of ONNX graph, so that
 * training and every runtime that opens the artifact compute the same. Decoding files is not done here.
 */
import { type Attribute, float, float32Tensor, int64Tensor, type Node, node, type Tensor } from "../../onnx/model.ts";

/** How an image is resized to the network's square input. */
export type Fit =
  | { readonly kind: "stretch" }
  /**
   * Resizes the shorter side to ⌊size / fraction⌋ pixels, keeps the aspect ratio (rounded down), and crops the centre, exactly as
   * timm's `crop_pct` and torchvision's `Resize` and `CenterCrop`. `fraction` is in (0, 1].
   */
  | { readonly kind: "crop"; readonly fraction: number };

/** The steps from uint8 pixels to a network's input. */
export interface Preprocessing {
  /** Side of the square input, in pixels. */
  readonly size: number;
  readonly fit: Fit;
  /** With antialiasing, as Pillow's `Image.resize` (version 10 and later). */
  readonly interpolation: "bilinear" | "bicubic";
  readonly channels: "rgb" | "bgr";
  /** Subtracted from each channel, on a scale of 0 to 255, in the order of `channels`. */
  readonly mean: readonly [number, number, number];
  /** The divisor after the subtraction, on the same scale. */
  readonly std: readonly [number, number, number];
  readonly layout: "nchw" | "nhwc";
}

/** The order of the channels and how each is scaled. */
export type Normalisation = Pick<Preprocessing, "channels" | "mean" | "std">;

/** Common normalisations by name. */
export const preprocessingPresets = {
  /** torchvision, timm: mean and standard deviation of each channel over ImageNet. */
  imagenet: { channels: "rgb", mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  /** TensorFlow's Inception and MobileNet: values in [−1, 1]. */
  inception: { channels: "rgb", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  /** Values in [0, 1]. */
  unit: { channels: "rgb", mean: [0, 0, 0], std: [255, 255, 255] },
  /** Keras' VGG and ResNet, from Caffe: BGR minus the mean of each channel. */
  caffe: { channels: "bgr", mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
  /** Values from 0 to 255, unchanged. */
  raw: { channels: "rgb", mean: [0, 0, 0], std: [1, 1, 1] },
} as const satisfies Record<string, Normalisation>;

export type PresetName = keyof typeof preprocessingPresets;

/** Preprocessing that stretches the whole image to a square of `size` pixels, for a channels-first network. */
export const stretched = (
  size: number,
  { channels, mean, std }: Normalisation,
  interpolation: Preprocessing["interpolation"] = "bicubic",
): Preprocessing => ({ size, fit: { kind: "stretch" }, interpolation, layout: "nchw", channels, mean, std });

/** The shape of a batch of preprocessed images, `[N, 3, S, S]` or `[N, S, S, 3]`. */
export const inputDims = ({ size, layout }: Pick<Preprocessing, "size" | "layout">, batch: number): number[] =>
  layout === "nchw" ? [batch, 3, size, size] : [batch, size, size, 3];

/** A piece of graph: nodes with the constants that they read. */
export interface Fragment {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
}

const modes: Readonly<Record<Preprocessing["interpolation"], Readonly<Record<string, string | Attribute>>>> = {
  bilinear: { mode: "linear" },
  bicubic: { mode: "cubic", cubic_coeff_a: float(-0.5) },
};

/**
 * The length of an image's shorter side before the crop. The small addend makes a fraction that was computed as `size / side` return
 * exactly that side despite rounding.
 */
const shorterSide = (size: number, fraction: number): number => Math.floor(size / fraction + 1e-6);

function check({ size, fit, std }: Preprocessing): void {
  if (!Number.isInteger(size) || size < 1)
    throw new RangeError(`Expected an input size of at least 1 pixel, in whole pixels, not ${size} pixels.`);
  if (fit.kind === "crop" && !(fit.fraction > 0 && fit.fraction <= 1))
    throw new RangeError(`Expected a crop fraction in (0, 1], not ${fit.fraction}.`);
  if (std.includes(0)) throw new RangeError("A standard deviation of 0 is not allowed.");
}

/**
 * The graph from `input` uint8 `[N, H, W, 3]`, RGB of any size, to `output` float32 `[N, 3, S, S]` (or `[N, S, S, 3]`).
 *
 * Resizing works on uint8, in ONNX Runtime's port of Pillow's fixed-point arithmetic, with `exclude_outside` for Pillow's weights
 * at the borders. The result equals Pillow's except for ties that round to the next level: fewer than 5% of the values when
 * enlarging and 1% when reducing. On float32, bicubic would be up to 25 levels off, because nothing is clipped between the two axes.
 * Sizes are given for all four dimensions: ONNX Runtime 1.30 moves a Transpose across a Resize with `axes` incorrectly.
 *
 * @param prefix of the name of every tensor in between
 * @throws RangeError if the size, the fraction or a standard deviation is invalid
 */
export function preprocessingGraph(of: Preprocessing, input: string, output: string, prefix: string): Fragment {
  check(of);
  const { size, fit } = of;
  const name = (tensor: string): string => prefix + tensor;
  const initializers = new Map<string, Tensor>();
  const constant = (tensor: string, value: Tensor): string => {
    initializers.set(name(tensor), value);
    return name(tensor);
  };
  const target = fit.kind === "stretch" ? size : shorterSide(size, fit.fraction);
  const nodes: Node[] = [
    node("Transpose", [input], [name("planes")], { perm: [0, 3, 1, 2] }),
    node("Shape", [name("planes")], [name("batchAndChannels")], { start: 0, end: 2 }),
    ...(fit.kind === "stretch" ? stretchSizes(target) : shorterSideSizes(target)),
    node("Concat", [name("batchAndChannels"), name("sizes")], [name("allSizes")], { axis: 0 }),
    node("Resize", [name("planes"), "", "", name("allSizes")], [name("resized")], {
      ...modes[of.interpolation],
      antialias: 1,
      exclude_outside: 1,
      coordinate_transformation_mode: "half_pixel",
    }),
    ...(fit.kind === "stretch" ? [] : centreCrop()),
    node("Cast", [name(fit.kind === "stretch" ? "resized" : "cropped")], [name("float")], { to: 1 }),
  ];
  let current = name("float");
  if (of.channels === "bgr") {
    nodes.push(
      node("Gather", [current, constant("bgrOrder", int64Tensor([3], [2, 1, 0]))], [name("bgr")], { axis: 1 }),
    );
    current = name("bgr");
  }
  const perChannel = (values: readonly number[]): Tensor => float32Tensor([1, 3, 1, 1], [...values]);
  nodes.push(node("Sub", [current, constant("mean", perChannel(of.mean))], [name("centred")]));
  const last = of.layout === "nchw" ? output : name("normalised");
  nodes.push(node("Div", [name("centred"), constant("std", perChannel(of.std))], [last]));
  if (of.layout === "nhwc") nodes.push(node("Transpose", [last], [output], { perm: [0, 2, 3, 1] }));
  return { nodes, initializers };

  function stretchSizes(side: number): Node[] {
    return [node("Identity", [constant("side", int64Tensor([2], [side, side]))], [name("sizes")])];
  }

  /** Height and width × target ÷ the shorter of them, rounded down as in torchvision; integer arithmetic. */
  function shorterSideSizes(side: number): Node[] {
    return [
      node("Shape", [name("planes")], [name("heightWidth")], { start: 2, end: 4 }),
      node("ReduceMin", [name("heightWidth")], [name("shorter")], { keepdims: 1 }),
      node("Mul", [name("heightWidth"), constant("side", int64Tensor([1], [side]))], [name("scaled")]),
      node("Div", [name("scaled"), name("shorter")], [name("sizes")]),
    ];
  }

  /** Starts at round(surplus / 2), with ties to even, as Python's `round` in torchvision's `CenterCrop`. */
  function centreCrop(): Node[] {
    const length = constant("size", int64Tensor([1], [size]));
    return [
      node("Sub", [name("sizes"), length], [name("surplus")]),
      node("Cast", [name("surplus")], [name("surplusFloat")], { to: 1 }),
      node("Mul", [name("surplusFloat"), constant("half", float32Tensor([1], [0.5]))], [name("halfSurplus")]),
      node("Round", [name("halfSurplus")], [name("fromFloat")]),
      node("Cast", [name("fromFloat")], [name("from")], { to: 7 }),
      node("Add", [name("from"), length], [name("until")]),
      node(
        "Slice",
        [name("resized"), name("from"), name("until"), constant("axes", int64Tensor([2], [2, 3]))],
        [name("cropped")],
      ),
    ];
  }
}

// The part of an image that the network sees.

/** A part of an image, in pixels. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The whole image if it is stretched, otherwise the square in its centre, `fraction` of the shorter side long. */
export function squareOf({ width, height }: { readonly width: number; readonly height: number }, fit: Fit): Rectangle {
  if (fit.kind === "stretch") return { left: 0, top: 0, width, height };
  const side = Math.max(1, Math.round(Math.min(width, height) * fit.fraction));
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
}
