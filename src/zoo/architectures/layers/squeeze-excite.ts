/** Squeeze-and-excitation: Hu, Shen and Sun 2018, arXiv 1709.01507. */
import type { ArchitectureBuilder, Place } from "../builder.ts";
import type { Activation } from "./activation.ts";
import { multiply } from "./join.ts";
import { conv } from "./linear.ts";
import { globalAverage } from "./pool.ts";

export interface SqueezeExcite {
  /** Channels between its two convolutions. */
  readonly channels: number;
  readonly activation: Activation;
  /** Turns the second convolution's outputs into factors. */
  readonly gate: Activation;
}

/** Scales each channel of a map `[C, H, W]` by a factor that two 1 × 1 convolutions compute from the means of all channels. */
export function squeezeExcite(b: ArchitectureBuilder, x: Place, name: string, options: SqueezeExcite): Place {
  const { channels, activation, gate } = options;
  const mean = globalAverage(b, x, `${name}.mean`);
  const reduced = conv(b, mean, `${name}.conv_reduce`, { out: channels, kernel: 1, bias: true });
  const active = activation(b, reduced, `${name}.act1`);
  const expanded = conv(b, active, `${name}.conv_expand`, { out: x.dims[0]!, kernel: 1, bias: true });
  return multiply(b, x, gate(b, expanded, `${name}.gate`), name);
}
