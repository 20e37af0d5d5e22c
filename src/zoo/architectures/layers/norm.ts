/** Normalisation layers. Batch norm is a separate node, in inference mode. */
import { float } from "../../../graph/model.ts";
import { float32Tensor } from "../../../graph/tensor.ts";
import type { ArchitectureBuilder, Place } from "../builder.ts";
import type { Initialiser } from "../definition.ts";
import { channelsFirst, channelsLast } from "./join.ts";

const constant = (value: number): Initialiser => ({ kind: "constant", value });

export interface BatchNormOptions {
  /** Default 1e-5, PyTorch's. */
  readonly epsilon?: number | undefined;
  /** Whether it has a learned scale (`weight`); otherwise the scale is 1. Default true. */
  readonly scale?: boolean | undefined;
  /** The initial scale; with 0, a residual block starts as the identity. Default 1. */
  readonly initialScale?: number | undefined;
}

/** Batch normalisation over the channels of a map `[C, H, W]`: Ioffe and Szegedy 2015, arXiv 1502.03167. */
export function batchNorm(b: ArchitectureBuilder, x: Place, name: string, options: BatchNormOptions = {}): Place {
  const { epsilon = 1e-5, scale = true, initialScale = 1 } = options;
  const channels = x.dims[0]!;
  const parameters = [
    scale
      ? b.parameter(`${name}.weight`, [channels], "norm", constant(initialScale))
      : b.constant(`ones.${channels}`, float32Tensor([channels], new Float32Array(channels).fill(1))),
    b.parameter(`${name}.bias`, [channels], "norm", constant(0)),
    b.parameter(`${name}.running_mean`, [channels], "running", constant(0)),
    b.parameter(`${name}.running_var`, [channels], "running", constant(1)),
  ];
  return b.add("BatchNormalization", [x, ...parameters], name, x.dims, { epsilon: float(epsilon) });
}

/** Layer normalisation over the last axis `[…, C]`: Ba, Kiros and Hinton 2016, arXiv 1607.06450. Default epsilon: 1e-6, timm's. */
export const layerNorm = (b: ArchitectureBuilder, x: Place, name: string, epsilon = 1e-6): Place =>
  layerNormAs(b, x, name, name, epsilon);

/** Layer normalisation over the channels of each pixel of a map `[C, H, W]`. */
export function layerNorm2d(b: ArchitectureBuilder, x: Place, name: string, epsilon = 1e-6): Place {
  const pixels = channelsLast(b, x, `${name}.pixels`);
  return channelsFirst(b, layerNormAs(b, pixels, name, `${name}.normalised`, epsilon), name);
}

function layerNormAs(b: ArchitectureBuilder, x: Place, name: string, output: string, epsilon: number): Place {
  const channels = x.dims.at(-1)!;
  const weight = b.parameter(`${name}.weight`, [channels], "norm", constant(1));
  const bias = b.parameter(`${name}.bias`, [channels], "norm", constant(0));
  return b.add("LayerNormalization", [x, weight, bias], output, x.dims, { axis: -1, epsilon: float(epsilon) });
}
