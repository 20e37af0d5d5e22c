/**
 * Resamples the position embedding of a vision transformer for another input size. It has one entry per patch, so that it is resized
 * like an image; the class token's entry is unchanged. As timm's `resample_abs_pos_embed`.
 */
import { dataError } from "../../base/errors.ts";
import { asFloat32, float32Tensor, type Tensor } from "../../graph/tensor.ts";
import type { Definition } from "./definition.ts";

/** timm's name of the parameter, `[1, tokens, C]`. */
const NAME = "pos_embed";

/** Tokens before the patches: the class token. */
const PREFIX = 1;

/** The parameter of the cubic kernel: Keys 1981 with a = −½, as in PyTorch's antialiased bicubic and in Pillow. */
const A = -0.5;

/**
 * `weights` with the position embedding resampled to the definition's input size, if it differs from the one of the weights. All else
 * is unchanged.
 *
 * @throws GraftError (`data`) if the patches of the embedding do not form a square
 */
export function withPositions(
  definition: Pick<Definition, "name" | "parameters">,
  weights: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const tokens = definition.parameters.get(NAME)?.dims[1];
  const given = weights.get(NAME);
  if (tokens === undefined || given?.type !== "float32" || given.dims.length !== 3 || given.dims[1] === tokens)
    return weights;
  const patches = given.dims[1]! - PREFIX;
  const side = Math.sqrt(patches);
  if (given.dims[0] !== 1 || !(side >= 1) || !Number.isInteger(side))
    throw dataError(
      `The weights do not fit ${definition.name}: their position embedding [${given.dims}] is not for a square of patches; pass weights made for ${definition.name}.`,
    );
  return new Map([...weights, [NAME, resamplePositions(given, Math.sqrt(tokens - PREFIX))]]);
}

/**
 * Resamples a position embedding `[1, 1 + S², C]` to `side` × `side` patches, `[1, 1 + side², C]`, by bicubic interpolation with
 * antialiasing when it shrinks. The class token's entry is unchanged.
 */
export function resamplePositions({ dims, ...rest }: Tensor, side: number): Tensor {
  const [, tokens, width] = dims as [number, number, number];
  const from = Math.sqrt(tokens - PREFIX);
  const source = asFloat32({ dims, ...rest });
  const matrix = cubicMatrix(from, side);
  const found = new Float32Array((PREFIX + side ** 2) * width);
  found.set(source.subarray(0, PREFIX * width));
  const rows = resampleAxis(source.subarray(PREFIX * width), matrix, {
    from,
    to: side,
    before: 1,
    after: from * width,
  });
  const both = resampleAxis(rows, matrix, { from, to: side, before: side, after: width });
  found.set(both, PREFIX * width);
  return float32Tensor([1, PREFIX + side ** 2, width], found);
}

/** An axis to resample from `from` to `to` entries, between `before` outer and `after` inner elements. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly before: number;
  readonly after: number;
}

/** Multiplies an axis by a matrix `[to, from]`, in float64. */
function resampleAxis(
  values: ArrayLike<number>,
  matrix: readonly (readonly number[])[],
  { from, to, before, after }: Axis,
): Float64Array {
  const found = new Float64Array(before * to * after);
  for (let outer = 0; outer < before; outer++)
    for (const [at, factors] of matrix.entries())
      for (const [source, factor] of factors.entries()) {
        if (factor === 0) continue;
        const [target, origin] = [(outer * to + at) * after, (outer * from + source) * after];
        for (let inner = 0; inner < after; inner++) found[target + inner]! += factor * values[origin + inner]!;
      }
  return found;
}

/** The matrix `[to, from]` of bicubic interpolation between pixel centres; each row sums to 1. */
function cubicMatrix(from: number, to: number): number[][] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: to }, (_, index) => {
    const centre = scale * (index + 0.5);
    const row = Array.from({ length: from }, (_, at) => cubic((at + 0.5 - centre) / stretch));
    const sum = row.reduce((total, factor) => total + factor, 0);
    return row.map((factor) => factor / sum);
  });
}

/** Keys' cubic convolution kernel, 0 beyond ±2. */
function cubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * A;
  return 0;
}
