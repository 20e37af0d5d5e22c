/** Gradients of operators that move or pick elements without changing them: reshape, transpose, concatenate, slice, repeat, gather. */

import { int64Tensor } from "../../onnx/model.ts";
import { by, type Rule, type RuleTable, type Site } from "../gradient-rule.ts";
import type { Ref } from "../graph-builder.ts";
import {
  floatTensor,
  inversePermutation,
  normalAxis,
  type Operations,
  product,
  range,
  withSize,
} from "../graph-operations.ts";

/** The same elements in another shape. */
const reshape: Rule = (site) => [() => site.build.reshape(site.gradient(), site.input(0).dims)];

const transpose: Rule = (site) => [
  () => {
    const perm = site.ints("perm") ?? range(site.input(0).dims.length).toReversed();
    return site.build.transpose(site.gradient(), inversePermutation(perm));
  },
];

/** The start of each part of an axis, from the sizes of the parts. */
const offsets = (sizes: readonly number[]): number[] =>
  sizes.map((_, index) => sizes.slice(0, index).reduce((a, b) => a + b, 0));

const concat: Rule = (site) => {
  const axis = normalAxis(site.int("axis", 0), site.output().dims.length);
  const sizes = site.inputs.map(({ dims }) => dims[axis]!);
  return offsets(sizes).map(
    (start, index) => () => site.build.slice(site.gradient(), [axis], [start], [sizes[index]!]),
  );
};

const split: Rule = (site) => [
  () => {
    const axis = normalAxis(site.int("axis", 0), site.input(0).dims.length);
    return site.build.concat(
      site.node.outputs.map((_, index) => site.gradient(index)),
      axis,
    );
  },
];

/** The reverse of a slice: places `x` among zeros along `axis` of `size`, from `start` with `step`. */
export function unslice(build: Operations, x: Ref, axis: number, size: number, start: number, step: number): Ref {
  const count = x.dims[axis]!;
  const first = step < 0 ? start + (count - 1) * step : start;
  const ordered = step < 0 ? build.flip(x, [axis]) : x;
  const spread = spaced(build, ordered, axis, Math.abs(step));
  const before = x.dims.map((_, index) => (index === axis ? first : 0));
  const after = x.dims.map((_, index) => (index === axis ? size - first - spread.dims[axis]! : 0));
  return build.pad(spread, before, after);
}

/** The longest last axis on which zeros are inserted by a matrix product. */
const PRODUCT_UP_TO = 512;

/**
 * Inserts step − 1 zeros after each element along an axis. On the last axis it multiplies by a matrix of zeros and ones, three times as
 * fast as padding single elements; other axes are padded in whole rows.
 */
export function spaced(build: Operations, x: Ref, axis: number, step: number): Ref {
  if (step === 1) return x;
  const { dims, type } = x;
  const size = dims[axis]!;
  if (axis > 0 && axis === dims.length - 1 && size <= PRODUCT_UP_TO) {
    const places = range(size).flatMap((row) => range(size * step).map((column) => (column === row * step ? 1 : 0)));
    return build.matmul(x, build.constant(floatTensor(type, [size, size * step], places), "places"));
  }
  const apart = build.reshape(x, [...dims.slice(0, axis + 1), 1, ...dims.slice(axis + 1)]);
  const zeros = apart.dims.map(() => 0);
  const padded = build.pad(apart, zeros, withSize(zeros, axis + 1, step - 1));
  return build.reshape(padded, withSize(dims, axis, size * step));
}

const slice: Rule = (site) => [
  () => {
    const { dims } = site.input(0);
    const starts = site.integers(1) ?? [];
    const axes = (site.integers(3) ?? range(starts.length)).map((axis) => normalAxis(axis, dims.length));
    const steps = site.integers(4) ?? axes.map(() => 1);
    return axes.reduce((gradient, axis, index) => {
      const size = dims[axis]!;
      const [start, step] = [starts[index]!, steps[index]!];
      // As in ONNX: counted from the end if negative, then limited to the valid starts for this direction.
      const first = Math.min(Math.max(start < 0 ? start + size : start, 0), step < 0 ? size - 1 : size);
      return unslice(site.build, gradient, axis, size, first, step);
    }, site.gradient());
  },
];

/** Sums the gradients of all copies. */
const tile: Rule = (site) => [
  () => {
    const { build } = site;
    const { dims } = site.input(0);
    const repeats = site.integers(1) ?? dims.map(() => 1);
    const apart = build.reshape(
      site.gradient(),
      dims.flatMap((size, axis) => [repeats[axis]!, size]),
    );
    return build.reshape(
      build.sum(
        apart,
        dims.map((_, axis) => 2 * axis),
      ),
      dims,
    );
  },
];

/**
 * DepthToSpace turns blocks of b × b channels into pixels; the gradient turns pixels into channels, in the order given by `mode`.
 * Source of the orders: the operator's definition in the ONNX specification.
 */
const depthToSpace: Rule = (site) => [
  () => {
    const { build } = site;
    const [n, channels, height, width] = site.input(0).dims as [number, number, number, number];
    const block = site.int("blocksize", 1);
    const depth = channels / block ** 2;
    const apart = build.reshape(site.gradient(), [n, depth, height, block, width, block]);
    const perm = site.text("mode", "DCR") === "CRD" ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
    return build.reshape(build.transpose(apart, perm), site.input(0).dims);
  },
];

const spaceToDepth: Rule = (site) => [
  () =>
    site.build.emit("DepthToSpace", [site.gradient()], site.input(0).dims, {
      blocksize: site.int("blocksize", 1),
      mode: "DCR",
    }),
];

/** At inference nothing is dropped; in training the mask output says what was. */
const dropout: Rule = (site) => [
  () => {
    const { build } = site;
    const name = site.node.inputs[2];
    const inference = name === undefined || name === "" || site.constantIntegers(2)?.[0] === 0;
    if (inference) return site.gradient();
    const ratio = site.node.inputs[1] ? site.constantFloats(1)?.[0] : 0.5;
    if (ratio === undefined) throw site.unsupported("a ratio that varies");
    const mask = build.cast(site.output(1), site.gradient().type);
    return build.mul(build.mul(site.gradient(), mask), 1 / (1 - ratio));
  },
];

export const shape: RuleTable = {
  Reshape: by(reshape),
  Flatten: by(reshape),
  Squeeze: by(reshape),
  Unsqueeze: by(reshape),
  Transpose: by(transpose),
  Concat: by(concat),
  Split: by(split),
  Slice: by(slice, "constant bounds"),
  // The caller sums over repeated axes.
  Expand: by((site) => [() => site.gradient()]),
  Tile: by(tile, "constant repeats"),
  DepthToSpace: by(depthToSpace),
  SpaceToDepth: by(spaceToDepth),
  Dropout: by(dropout, "in training mode with its mask output"),
};

// Picking by index: an element that is picked several times gets the sum of the gradients.

/** Indices counted from the front, as scatter operators require. */
function fromTheFront(site: Site, indices: Ref, size: number): Ref {
  const { build } = site;
  const constant = site.constantIntegers(1);
  if (constant)
    return build.constant(
      int64Tensor(
        indices.dims,
        constant.map((index) => normalAxis(index, size)),
      ),
    );
  const wide = build.cast(indices, "int64");
  const zero = build.constant(int64Tensor([], [0]));
  const whole = build.constant(int64Tensor([], [size]));
  return build.where(build.less(wide, zero), build.add(wide, whole), wide);
}

/** The step of evenly spaced indices, such as 1 for 3, 4, 5; undefined if they are not evenly spaced. */
function evenStep(indices: readonly number[]): number | undefined {
  const step = (indices[1] ?? indices[0]! + 1) - indices[0]!;
  const even = indices.every((index, i) => index === indices[0]! + i * step);
  return even && step !== 0 ? step : undefined;
}

const gather: Rule = (site) => [
  () => {
    const { build } = site;
    const { dims, type } = site.input(0);
    const indices = site.input(1);
    const axis = normalAxis(site.int("axis", 0), dims.length);
    const [size, count] = [dims[axis]!, product(indices.dims)];
    const [before, after] = [dims.slice(0, axis), dims.slice(axis + 1)];
    const picked = build.reshape(site.gradient(), [...before, count, ...after]);
    const constant = site.constantIntegers(1)?.map((index) => normalAxis(index, size));
    const step = constant && evenStep(constant);
    // One index or evenly spaced indices are a slice, whose gradient is padding.
    if (step !== undefined) return unslice(build, picked, axis, size, constant![0]!, step);
    const front = [axis, ...range(dims.length).filter((other) => other !== axis)];
    const rows = build.reshape(build.transpose(picked, front), [count, product(before) * product(after)]);
    const zeros = build.filled([size, rows.dims[1]!], 0, type);
    const places = build.reshape(fromTheFront(site, indices, size), [count, 1]);
    const summed = build.emit("ScatterND", [zeros, places, rows], zeros.dims, { reduction: "add" });
    const back = build.reshape(summed, [size, ...before, ...after]);
    return build.transpose(back, [
      ...range(axis).map((i) => i + 1),
      0,
      ...range(after.length).map((i) => axis + 1 + i),
    ]);
  },
];

const gatherElements: Rule = (site) => [
  () => {
    const { build } = site;
    const { dims, type } = site.input(0);
    const axis = normalAxis(site.int("axis", 0), dims.length);
    const places = fromTheFront(site, site.input(1), dims[axis]!);
    const zeros = build.filled(dims, 0, type);
    return build.emit("ScatterElements", [zeros, places, site.gradient()], dims, { axis, reduction: "add" });
  },
];

const gatherNd: Rule = (site) => [
  () => {
    if (site.int("batch_dims", 0) !== 0) throw site.unsupported("batch_dims");
    const { dims, type } = site.input(0);
    const zeros = site.build.filled(dims, 0, type);
    return site.build.emit("ScatterND", [zeros, site.input(1), site.gradient()], dims, { reduction: "add" });
  },
];

export const gathering: RuleTable = {
  Gather: by(gather),
  GatherElements: by(gatherElements),
  GatherND: by(gatherNd, "`batch_dims` 0"),
};
