/** Predicts the cost of a network that never ran here, from its multiply-adds and the costs of others. Pure. */
import type { Measured } from "./cost.ts";

/** A network with a known cost. */
export interface KnownCost extends Measured {
  readonly multiplyAdds: number;
}

/** The size of a network. */
export interface NetworkSize {
  /** Per image. */
  readonly multiplyAdds: number;
  readonly parameters: number;
}

/**
 * Multiply-adds per second of a laptop's processor, for a machine without any measurement: a low guess, so that plans do not promise too
 * much.
 */
const SLOW_MACHINE = 30e9;
/** Images decoded and resized per second, for a machine without any measurement. */
const SLOW_DECODING = 150;

/**
 * Predicts a network's cost from the measured network with the nearest number of multiply-adds, assuming equal time per multiply-add.
 * Convolutions differ: expect an error of up to a factor of two.
 */
export function predictCost({ multiplyAdds, parameters }: NetworkSize, known: readonly KnownCost[]): Measured {
  const weights = 4 * parameters;
  const distance = ({ multiplyAdds: own }: KnownCost): number => Math.abs(Math.log(own / multiplyAdds));
  const [nearest] = [...known].sort((a, b) => distance(a) - distance(b));
  if (!nearest) {
    const imagesPerSecond = SLOW_MACHINE / multiplyAdds;
    const latencyMs = 1000 / imagesPerSecond;
    return {
      latencyMs,
      p95LatencyMs: latencyMs,
      memoryBytes: weights,
      imagesPerSecond,
      overallPerSecond: 1 / (1 / imagesPerSecond + 1 / SLOW_DECODING),
    };
  }
  const ratio = multiplyAdds / nearest.multiplyAdds;
  // The rest of the time is decoding, which does not depend on the network.
  const decoding = Math.max(0, 1 / nearest.overallPerSecond - 1 / nearest.imagesPerSecond);
  const imagesPerSecond = nearest.imagesPerSecond / ratio;
  return {
    latencyMs: nearest.latencyMs * ratio,
    p95LatencyMs: nearest.p95LatencyMs * ratio,
    memoryBytes: Math.max(weights, nearest.memoryBytes * Math.sqrt(ratio)),
    imagesPerSecond,
    overallPerSecond: 1 / (1 / imagesPerSecond + decoding),
  };
}
