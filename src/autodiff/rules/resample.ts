/**
 * The weights by which a resized axis is computed from its input, as in ONNX's `Resize`: coordinates, filters, antialiasing. Source:
 * the operator's definition and reference implementation in the ONNX specification.
 */
import { range } from "../build/shape.ts";

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
