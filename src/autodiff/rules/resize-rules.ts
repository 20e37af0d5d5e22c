/**
 * Gradients of operators that are linear along each axis separately: resizing and padding. Each axis has a constant matrix `[output,
 * input]`; the gradient is the product with its transpose.
 */

import { by, type Rule, type RuleTable } from "../gradient-rule.ts";
import type { Ref } from "../graph-builder.ts";
import { floatTensor, type Operations, product, range } from "../graph-operations.ts";

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

// The weights by which a resized axis is computed from its input, as in ONNX's `Resize`: coordinates, filters, antialiasing.
// Source: the operator's definition and reference implementation in the ONNX specification.

/** For each output along an axis, its inputs and their weights. */
export type Rows = readonly (readonly { readonly index: number; readonly weight: number }[])[];

/** The attributes of `Resize` that determine the weights. */
export interface Resampling {
  readonly mode: string;
  readonly coordinates: string;
  readonly rounding: string;
  /** a of the cubic filter. */
  readonly cubic: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
}

/** The position of an output's centre in the input. */
const placements: Readonly<Record<string, (out: number, scale: number, input: number, output: number) => number>> = {
  half_pixel: (out, scale) => (out + 0.5) / scale - 0.5,
  half_pixel_symmetric: (out, scale, input, output) => {
    const offset = (input / 2) * (1 - output / (scale * input));
    return offset + (out + 0.5) / scale - 0.5;
  },
  pytorch_half_pixel: (out, scale, _, output) => (output > 1 ? (out + 0.5) / scale - 0.5 : 0),
  asymmetric: (out, scale) => out / scale,
  align_corners: (out, _, input, output) => (output > 1 ? (out * (input - 1)) / (output - 1) : 0),
};

const roundings: Readonly<Record<string, (place: number) => number>> = {
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

const linear = (distance: number): number => Math.max(0, 1 - Math.abs(distance));

/** Keys, "Cubic convolution interpolation for digital image processing" (1981). */
function cubic(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

/** The weights of an axis resized from `input` to `output` pixels; undefined for unsupported modes. */
export function resampled(of: Resampling, input: number, output: number, scale: number): Rows | undefined {
  const place = placements[of.coordinates];
  const round = roundings[of.rounding];
  if (!place || !round) return undefined;
  const inside = (index: number): number => Math.min(Math.max(index, 0), input - 1);
  const centre = (out: number): number => place(out, scale, input, output);
  if (of.mode === "nearest") return range(output).map((out) => [{ index: inside(round(centre(out))), weight: 1 }]);
  const filter = {
    linear: { support: 1, weightOf: linear },
    cubic: { support: 2, weightOf: (d: number) => cubic(d, of.cubic) },
  }[of.mode];
  if (!filter) return undefined;
  // Antialiasing widens the filter when the axis shrinks.
  const stretch = of.antialias ? Math.max(1, 1 / scale) : 1;
  return range(output).map((out) => {
    const at = centre(out);
    const first = Math.ceil(at - filter.support * stretch);
    const count = Math.floor(at + filter.support * stretch) - first + 1;
    const terms = range(count)
      .map((i) => ({ index: first + i, weight: filter.weightOf((first + i - at) / stretch) }))
      .filter(({ index }) => !of.excludeOutside || inside(index) === index);
    const sum = terms.reduce((total, { weight }) => total + weight, 0);
    return terms.map(({ index, weight }) => ({ index: inside(index), weight: weight / sum }));
  });
}
