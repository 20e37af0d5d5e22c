/**
 * Gradients of operators that are linear along each axis separately: resizing and padding. Each axis has a constant matrix
 * `[output, input]`; the gradient is the product with its transpose.
 */
import type { Ref } from "../build/builder.ts";
import { floatTensor, type Operations } from "../build/operations.ts";
import { product, range } from "../build/shape.ts";
import { by, type Rule, type RuleTable } from "../rule.ts";
import { type Resampling, type Rows, resampled } from "./resample.ts";

/** Σ over outputs of weight × gradient along one axis; the result has `size` elements on it. */
function adjoint(build: Operations, dy: Ref, axis: number, size: number, rows: Rows): Ref {
  const values = new Float64Array(rows.length * size);
  for (const [row, terms] of rows.entries()) {
    for (const { index, weight } of terms) values[row * size + index]! += weight;
  }
  const { dims, type } = dy;
  const [before, after] = [dims.slice(0, axis), dims.slice(axis + 1)];
  if (axis === dims.length - 1) {
    const matrix = build.constant(floatTensor(type, [rows.length, size], [...values]), "weights");
    const flat = build.reshape(dy, [product(before), rows.length]);
    return build.reshape(build.matmul(flat, matrix), [...before, size]);
  }
  const turned = range(size).flatMap((input) => range(rows.length).map((row) => values[row * size + input]!));
  const matrix = build.constant(floatTensor(type, [size, rows.length], turned), "weights");
  const flat = build.reshape(dy, [...before, rows.length, product(after)]);
  return build.reshape(build.matmul(matrix, flat), [...before, size, ...after]);
}

const resize: Rule = (site) => [
  () => {
    const { build } = site;
    const [x, y] = [site.input(0), site.output()];
    const scales = site.constantFloats(2);
    const axes = site.ints("axes") ?? range(x.dims.length);
    const resampling: Resampling = {
      mode: site.text("mode", "nearest"),
      coordinates: site.text("coordinate_transformation_mode", "half_pixel"),
      rounding: site.text("nearest_mode", "round_prefer_floor"),
      cubic: site.float("cubic_coeff_a", -0.75),
      antialias: site.int("antialias", 0) === 1,
      excludeOutside: site.int("exclude_outside", 0) === 1,
    };
    return range(x.dims.length).reduce((gradient, axis) => {
      const [input, output] = [x.dims[axis]!, y.dims[axis]!];
      const scale = scales?.[axes.indexOf(axis)] ?? output / input;
      if (input === output && scale === 1) return gradient;
      const rows = resampled(resampling, input, output, scale);
      if (!rows) throw site.unsupported(`${resampling.mode}, ${resampling.coordinates}`);
      return adjoint(build, gradient, axis, input, rows);
    }, site.gradient());
  },
];

/** The input that each output of a padded axis copies; undefined if it is filled with a constant. */
const padSources: Readonly<Record<string, (place: number, size: number) => number | undefined>> = {
  constant: () => undefined,
  edge: (place, size) => Math.min(Math.max(place, 0), size - 1),
  wrap: (place, size) => ((place % size) + size) % size,
  reflect: (place, size) => {
    const period = Math.max(2 * (size - 1), 1);
    const within = ((place % period) + period) % period;
    return within < size ? within : period - within;
  },
};

const pad: Rule = (site) => [
  () => {
    const { build } = site;
    const { dims } = site.input(0);
    const pads = site.integers(1) ?? [];
    const axes = (site.integers(3) ?? range(dims.length)).map((axis) => (axis < 0 ? axis + dims.length : axis));
    const amount = (axis: number, end: 0 | 1): number =>
      axes.includes(axis) ? pads[axes.indexOf(axis) + end * axes.length]! : 0;
    const mode = site.text("mode", "constant");
    const source = padSources[mode];
    if (!source) throw site.unsupported(`mode "${mode}"`);
    if (mode === "constant") {
      const [before, after] = ([0, 1] as const).map((end) => dims.map((_, axis) => -amount(axis, end)));
      return build.pad(site.gradient(), before!, after!);
    }
    return range(dims.length).reduce((gradient, axis) => {
      const size = dims[axis]!;
      const [before, after] = [amount(axis, 0), amount(axis, 1)];
      if (before === 0 && after === 0) return gradient;
      const rows = range(size + before + after).map((place) => {
        const inside = place - before >= 0 && place - before < size;
        return [{ index: inside ? place - before : source(place - before, size)!, weight: 1 }];
      });
      return adjoint(build, gradient, axis, size, rows);
    }, site.gradient());
  },
];

export const resizing: RuleTable = {
  Resize: by(resize, "modes nearest, linear and cubic; no `tf_crop_and_resize`, no `keep_aspect_ratio_policy`"),
  Pad: by(pad, "constant pads; towards the data"),
};
