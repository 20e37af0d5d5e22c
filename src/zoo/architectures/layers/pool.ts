/** Pooling of maps `[C, H, W]`. */
import type { ArchitectureBuilder, Place } from "../builder.ts";
import { flatten } from "./join.ts";
import { slide, type Window } from "./window.ts";

/** The largest value under each window; padding never wins. */
export function maxPool(b: ArchitectureBuilder, x: Place, name: string, window: Window): Place {
  const { attributes, height, width } = slide(x, window);
  return b.add("MaxPool", [x], name, [x.dims[0]!, height, width], attributes);
}

/** The mean under each window. `countPadding` says whether padded zeros are counted: PyTorch does by default, Keras never. */
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

/** The mean over all pixels, kept as a map `[C, 1, 1]`. */
export const globalAverage = (b: ArchitectureBuilder, x: Place, name: string): Place =>
  b.add("GlobalAveragePool", [x], name, [x.dims[0]!, 1, 1]);

/** The mean over all pixels as a vector, `[C, H, W]` → `[C]`: how most convolutional networks end. The tensor is `name`. */
export const globalPool = (b: ArchitectureBuilder, x: Place, name = "global_pool"): Place =>
  flatten(b, globalAverage(b, x, `${name}.pool`), name);
