/** What a network costs to run on this machine, and how each figure is known. */

/** What was measured of a network on this machine. */
export interface Measured {
  /** From a decoded picture to its features, one picture at a time: the median, and what 95 of 100 stay below. */
  readonly latencyMs: number;
  readonly p95LatencyMs: number;
  /** By which the process grew while the network ran; at least its weights. */
  readonly memoryBytes: number;
  /** Pictures a second through the backbone, in batches. */
  readonly imagesPerSecond: number;
  /** Pictures a second, decoding and preparation included. */
  readonly overallPerSecond: number;
}

/** How the figures of a {@link Cost} are known. */
export type Known = "measured" | "remembered" | "predicted";

export interface Cost extends Measured {
  readonly known: Known;
  /** Of a trained model's weights, float32. */
  readonly sizeBytes: number;
}
