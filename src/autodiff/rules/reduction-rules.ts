/** Gradients of reductions and of pooling: distributes the gradient of the result over the elements that it was computed from. */

import { by, type Differentiation, type Rule, type RuleTable, type Site } from "../gradient-rule.ts";
import type { Ref } from "../graph-builder.ts";
import { floatTensor, keptDims, normalAxes, type Operations, positions, product, range } from "../graph-operations.ts";
import { all, padsOf, type Window, windowOf } from "./kernel-gradient.ts";

/** The axes that a node reduces, in any operator set. */
function reducedAxes(site: Site): number[] {
  const rank = site.input(0).dims.length;
  const axes = site.ints("axes") ?? site.integers(1) ?? [];
  if (axes.length > 0) return normalAxes(axes, rank);
  return site.int("noop_with_empty_axes", 0) === 1 ? [] : range(rank);
}

/** The inputs of a reduction's gradient: tensors that broadcast against each other. */
interface Reduction {
  readonly site: Site;
  /** The input. */
  readonly x: Ref;
  /** The output's gradient, with the reduced axes kept. */
  readonly dy: Ref;
  /** The output, with the reduced axes kept; only gradients that need it call this. */
  readonly y: () => Ref;
  readonly axes: readonly number[];
  /** How many elements are reduced to one. */
  readonly count: number;
}

const reduction = (gradient: (of: Reduction) => Ref): Differentiation =>
  by((site) => [
    () => {
      const { build } = site;
      const x = site.input(0);
      const axes = reducedAxes(site);
      const kept = keptDims(x.dims, axes);
      const of: Reduction = {
        site,
        x,
        y: () => build.reshape(site.output(), kept),
        dy: build.reshape(site.gradient(), kept),
        axes,
        count: product(axes.map((axis) => x.dims[axis]!)),
      };
      return build.expand(gradient(of), x.dims);
    },
  ]);

/** The extreme elements share the gradient, as in PyTorch's `amax`. */
export const sharedExtreme = ({ site: { build }, x, y, dy, axes }: Omit<Reduction, "count">): Ref => {
  const mask = build.cast(build.equal(x, y()), x.type);
  return build.mul(mask, build.div(dy, build.sum(mask, axes)));
};

export const reduce = {
  ReduceSum: reduction(({ dy }) => dy),
  ReduceMean: reduction(({ site, dy, count }) => site.build.mul(dy, 1 / count)),
  ReduceMax: reduction(sharedExtreme),
  ReduceMin: reduction(sharedExtreme),
  ReduceSumSquare: reduction(({ site: { build }, x, dy }) => build.mul(x, build.mul(dy, 2))),
  ReduceL1: reduction(({ site: { build }, x, dy }) => build.mul(build.unary("Sign", x), dy)),
  // The norm is not differentiable at zero; the gradient is 0 there, as in PyTorch.
  ReduceL2: reduction(({ site: { build }, x, y, dy }) => {
    const nonZero = build.where(build.greater(y(), 0), y(), 1);
    return build.mul(x, build.div(dy, nonZero));
  }),
  ReduceLogSum: reduction(({ site: { build }, y, dy }) => build.div(dy, build.unary("Exp", y()))),
  ReduceLogSumExp: reduction(({ site: { build }, x, y, dy }) => build.mul(build.unary("Exp", build.sub(x, y())), dy)),
};

// Pooling.

const spatialAxes = (x: Ref): number[] => range(x.dims.length).slice(2);

const globalAverage: Rule = (site) => [
  () => {
    const { build } = site;
    const { dims } = site.input(0);
    return build.expand(build.mul(site.gradient(), 1 / product(dims.slice(2))), dims);
  },
];

const globalMax: Rule = (site) => [
  () => {
    const x = site.input(0);
    return sharedExtreme({ site, x, y: () => site.output(), dy: site.gradient(), axes: spatialAxes(x) });
  },
];

/** How many pixels each output averages, by position: `[1, 1, …output]`. */
function averagedPixels(site: Site, window: Window, input: readonly number[], output: readonly number[]): number[] {
  const padded = site.int("count_include_pad", 0) === 1;
  const explicit = site.text("auto_pad", "NOTSET") === "NOTSET";
  const along = range(output.length).map((axis) => {
    const before = window.before[axis]!;
    // Pixels beyond the padding, which ceil_mode reaches, never count.
    const declared = explicit ? (site.ints("pads")?.[axis + output.length] ?? 0) : Math.max(window.after[axis]!, 0);
    const [low, high] = padded ? [-before, input[axis]! + declared] : [0, input[axis]!];
    return range(output[axis]!).map((at) => {
      const start = at * window.strides[axis]! - before;
      const places = range(window.kernel[axis]!).map((k) => start + k * window.dilations[axis]!);
      return places.filter((place) => place >= low && place < high).length;
    });
  });
  return positions(output).map((at) => product(at.map((place, axis) => along[axis]![place]!)));
}

const average: Rule = (site) => [
  () => {
    const { build } = site;
    const x = site.input(0);
    const [input, output] = [x.dims.slice(2), site.output().dims.slice(2)];
    const window = windowOf(site, site.ints("kernel_shape") ?? [], input, output);
    const counts = averagedPixels(site, window, input, output);
    const shares = floatTensor(
      x.type,
      [1, 1, ...output],
      counts.map((count) => 1 / count),
    );
    const uniform = counts.every((count) => count === counts[0]);
    const share = build.mul(site.gradient(), uniform ? 1 / counts[0]! : build.constant(shares, "shares"));
    return spread(build, share, window, x.dims);
  },
];

/** Adds each output's share to every pixel of its window. */
function spread(build: Operations, share: Ref, window: Window, dims: readonly number[]): Ref {
  const { kernel, strides, dilations, before, after } = window;
  if (all(strides, 1) && all(dilations, 1) && [...before, ...after].every((amount) => amount >= 0)) {
    // The windows that contain a pixel form a window themselves: the sum over it is an average times its size.
    const reach = kernel.map((size) => size - 1);
    const pads = [
      ...reach.map((size, axis) => size - before[axis]!),
      ...reach.map((size, axis) => size - after[axis]!),
    ];
    if (pads.every((amount, axis) => amount >= 0 && amount < kernel[axis % kernel.length]!)) {
      const pooled = build.emit("AveragePool", [share], dims, { kernel_shape: kernel, pads, count_include_pad: 1 });
      return build.mul(pooled, product(kernel));
    }
  }
  const disjoint = kernel.every((size, axis) => size === strides[axis]) && all(dilations, 1) && all(before, 0);
  if (disjoint)
    return build.pad(
      repeated(build, share, kernel),
      dims.map(() => 0),
      [0, 0, ...after.map((n) => -n)],
    );
  // Treats channels as images: a transposed convolution with a kernel of ones.
  const flat = build.reshape(share, [product(share.dims.slice(0, 2)), 1, ...share.dims.slice(2)]);
  const ones = build.filled([1, 1, ...kernel], 1, share.type);
  const summed = build.emit("ConvTranspose", [flat, ones], [flat.dims[0]!, 1, ...dims.slice(2)], {
    kernel_shape: kernel,
    strides,
    dilations,
    pads: padsOf({ before, after: after.map((amount) => Math.max(amount, 0)) }),
    output_padding: after.map((amount) => Math.max(-amount, 0)),
  });
  return build.reshape(summed, dims);
}

/** Every pixel as a block of equal ones. */
function repeated(build: Operations, x: Ref, block: readonly number[]): Ref {
  const [batch, channels, ...sizes] = x.dims as [number, number, ...number[]];
  const apart = build.reshape(x, [batch, channels, ...sizes.flatMap((size) => [size, 1])]);
  const blocks = build.expand(apart, [batch, channels, ...sizes.flatMap((size, axis) => [size, block[axis]!])]);
  return build.reshape(blocks, [batch, channels, ...sizes.map((size, axis) => size * block[axis]!)]);
}

/** The gradient goes to the first largest pixel of each window, as in PyTorch; pools again to find it. */
const max: Rule = (site) => [
  () => {
    const { build, node } = site;
    const [x, y] = [site.input(0), site.output()];
    const count = product(y.dims);
    const { storage_order: _, ...attributes } = node.attributes;
    const [, places] = build.emitAll("MaxPool", [x], [y, { type: "int64", dims: y.dims }], attributes);
    const zeros = build.filled([product(x.dims)], 0, x.type);
    const summed = build.emit(
      "ScatterElements",
      [zeros, build.reshape(places!, [count]), build.reshape(site.gradient(), [count])],
      zeros.dims,
      { axis: 0, reduction: "add" },
    );
    return build.reshape(summed, x.dims);
  },
];

export const pool: RuleTable = {
  GlobalAveragePool: by(globalAverage),
  GlobalMaxPool: by(globalMax),
  AveragePool: by(average),
  MaxPool: by(max),
};
