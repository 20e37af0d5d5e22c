/**
 * Preprocessing: how pixels become what a network's weights were trained on. It is data that travels with the
 * weights, and a piece of ONNX graph, so that training and every runtime that opens the artifact do the same.
 */
import { type Attribute, float, type Node, node } from "../graph/model.ts";
import { float32Tensor, int64Tensor, type Tensor } from "../graph/tensor.ts";

/** How a picture is brought to the network's square. */
export type Fit =
  | { readonly kind: "stretch" }
  /**
   * The shorter side becomes ⌊size / fraction⌋ pixels, the longer one keeps the shape (rounded down), then the centre is
   * cut out: timm's `crop_pct` and torchvision's `Resize` and `CenterCrop`, to the pixel. `fraction` in (0, 1].
   */
  | { readonly kind: "crop"; readonly fraction: number };

/** From uint8 pixels to a network's input. */
export interface Preprocessing {
  /** The side of the square that the network takes, in pixels. */
  readonly size: number;
  readonly fit: Fit;
  /** Antialiased, as Pillow's `Image.resize` (10 and later). */
  readonly interpolation: "bilinear" | "bicubic";
  readonly channels: "rgb" | "bgr";
  /** Subtracted from each channel, on the scale of 0 to 255, in the order of `channels`. */
  readonly mean: readonly [number, number, number];
  /** What the difference is divided by, on the same scale. */
  readonly std: readonly [number, number, number];
  readonly layout: "nchw" | "nhwc";
}

type Normalisation = Pick<Preprocessing, "channels" | "mean" | "std">;

/** Normalisations by the names they go by. */
export const preprocessingPresets = {
  /** torchvision, timm: each channel's mean and deviation over ImageNet. */
  imagenet: { channels: "rgb", mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  /** TensorFlow's Inception and MobileNet: [−1, 1]. */
  inception: { channels: "rgb", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  /** [0, 1]. */
  unit: { channels: "rgb", mean: [0, 0, 0], std: [255, 255, 255] },
  /** Keras' VGG and ResNet, after Caffe: BGR minus the channels' means. */
  caffe: { channels: "bgr", mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
  /** 0 to 255 as it is. */
  raw: { channels: "rgb", mean: [0, 0, 0], std: [1, 1, 1] },
} as const satisfies Record<string, Normalisation>;

export type PresetName = keyof typeof preprocessingPresets;

/** A piece of graph: nodes with the constants they read. */
export interface Fragment {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
}

const modes: Readonly<Record<Preprocessing["interpolation"], Readonly<Record<string, string | Attribute>>>> = {
  bilinear: { mode: "linear" },
  bicubic: { mode: "cubic", cubic_coeff_a: float(-0.5) },
};

/**
 * The side that a picture's shorter side is resized to before the crop. A fraction meant as `size / side` yields that
 * very side, although the quotient may come out a hair too small.
 */
const shorterSide = (size: number, fraction: number): number => Math.floor(size / fraction + 1e-6);

function check({ size, fit, std }: Preprocessing): void {
  if (!Number.isInteger(size) || size < 1)
    throw new RangeError(`A network takes no pictures of ${size} pixels a side.`);
  if (fit.kind === "crop" && !(fit.fraction > 0 && fit.fraction <= 1))
    throw new RangeError(`A crop to ${fit.fraction} of a picture's side is none: the fraction is in (0, 1].`);
  if (std.includes(0)) throw new RangeError("A standard deviation of 0 cannot be divided by.");
}

/**
 * `input` uint8 `[N, H, W, 3]` RGB of any size → `output` float32 `[N, 3, S, S]` (or `[N, S, S, 3]`).
 *
 * Resizing happens on uint8, in ONNX Runtime's port of Pillow's fixed-point arithmetic, and `exclude_outside` weighs the
 * borders as Pillow does: the result is Pillow's but for ties that are rounded one level apart, fewer than 5% of the
 * values when enlarging and 1% when reducing. On float32, bicubic is up to 25 levels off, for want of clipping midway.
 * The sizes are given for all four dimensions: ONNX Runtime 1.30 moves a Transpose across a Resize with `axes` wrongly.
 *
 * @param prefix of every tensor in between
 * @throws RangeError where the size, the fraction or a deviation makes no sense
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

  /** Height and width × target ÷ the shorter of them, rounded down as torchvision does: whole-number arithmetic. */
  function shorterSideSizes(side: number): Node[] {
    return [
      node("Shape", [name("planes")], [name("heightWidth")], { start: 2, end: 4 }),
      node("ReduceMin", [name("heightWidth")], [name("shorter")], { keepdims: 1 }),
      node("Mul", [name("heightWidth"), constant("side", int64Tensor([1], [side]))], [name("scaled")]),
      node("Div", [name("scaled"), name("shorter")], [name("sizes")]),
    ];
  }

  /** From round(surplus / 2), halves to the even number, as Python's `round` in torchvision's `CenterCrop`. */
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
