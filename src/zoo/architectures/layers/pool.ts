/** Pooling of maps `[C, H, W]`. */
import { float32Tensor } from "../../../graph/tensor.ts";
import type { ArchitectureBuilder, Place } from "../builder.ts";
import { flatten } from "./join.ts";
import { slide, type Window } from "./window.ts";

/** The maximum in each window; padding does not count. */
export function maxPool(b: ArchitectureBuilder, x: Place, name: string, window: Window): Place {
  const { attributes, height, width } = slide(x, window);
  return b.add("MaxPool", [x], name, [x.dims[0]!, height, width], attributes);
}

/** The mean in each window. `countPadding`: whether zeros of the padding count, as by default in PyTorch and never in Keras. */
export function averagePool(
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  window: Omit<Window, "dilation"> & { readonly countPadding: boolean },
): Place {
  const { attributes, height, width } = slide(x, window);
  const { dilations: _, ...rest } = attributes;
  return b.add("AveragePool", [x], name, [x.dims[0]!, height, width], {
    ...rest,
    count_include_pad: window.countPadding ? 1 : 0,
  });
}

/** The mean over all pixels as a map `[C, 1, 1]`. */
export const globalAverage = (b: ArchitectureBuilder, x: Place, name: string): Place =>
  b.add("GlobalAveragePool", [x], name, [x.dims[0]!, 1, 1]);

/** The mean over all pixels as a vector, `[C, H, W]` → `[C]`. The output is called `name`. */
export const globalPool = (b: ArchitectureBuilder, x: Place, name = "global_pool"): Place =>
  flatten(b, globalAverage(b, x, `${name}.pool`), name);

/**
 * Averages a map to `side` × `side` pixels, which may be more than it has: PyTorch's `adaptive_avg_pool2d`. Computed as products with a
 * constant matrix on each side.
 */
export function adaptiveAverage(b: ArchitectureBuilder, x: Place, name: string, side: number): Place {
  const [channels, height, width] = [x.dims[0]!, x.dims[1]!, x.dims[2]!];
  const rows = b.constant(`${name}.rows`, float32Tensor([side, height], meansOver(height, side)));
  const columns = b.constant(
    `${name}.columns`,
    float32Tensor([width, side], transposed(meansOver(width, side), width)),
  );
  const down = b.add("MatMul", [rows, x], `${name}.down`, [channels, side, width]);
  return b.add("MatMul", [down, columns], name, [channels, side, side]);
}

/** The matrix `[side, size]` that averages over ⌊i·size/side⌋ … ⌈(i+1)·size/side⌉ − 1. */
function meansOver(size: number, side: number): number[] {
  return Array.from({ length: side }, (_, i) => {
    const [start, end] = [Math.floor((i * size) / side), Math.ceil(((i + 1) * size) / side)];
    return Array.from({ length: size }, (_, at) => (at >= start && at < end ? 1 / (end - start) : 0));
  }).flat();
}

const transposed = (matrix: readonly number[], columns: number): number[] =>
  matrix.map((_, index) => {
    const rows = matrix.length / columns;
    return matrix[(index % rows) * columns + Math.floor(index / rows)]!;
  });
