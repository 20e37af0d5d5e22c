/** What a network will probably cost that was never run here, by its multiply-adds and by what others cost. Pure arithmetic. */
import type { Measured } from "./cost.ts";

/** A network whose figures are known. */
export interface Point extends Measured {
  readonly multiplyAdds: number;
}

export interface Wanted {
  /** Of one picture. */
  readonly multiplyAdds: number;
  readonly parameters: number;
}

/**
 * Multiply-adds a second of a laptop's processor, where nothing was ever measured: low rather than high, so that a plan made with it
 * does not promise too much.
 */
const SLOW_MACHINE = 30e9;
/** Pictures a second that decode and are resized beside the network, where nothing was measured. */
const SLOW_DECODING = 150;

/**
 * Predicts a network's figures from the measured one that is nearest to it in multiply-adds, as if each multiply-add took the
 * same time. Convolutions differ: expect an error of a factor of two.
 */
export function predictCost({ multiplyAdds, parameters }: Wanted, known: readonly Point[]): Measured {
  const weights = 4 * parameters;
  const distance = ({ multiplyAdds: own }: Point): number => Math.abs(Math.log(own / multiplyAdds));
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
  // What is not the network's own time is decoding, which does not change with the network.
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
