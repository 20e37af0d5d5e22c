/** The cost of running a network on this machine, and the origin of each figure. */

/** The measured cost of a network on this machine. */
export interface Measured {
  /** Milliseconds from a decoded image to its features, one image at a time: the median and the 95th percentile. */
  readonly latencyMs: number;
  readonly p95LatencyMs: number;
  /** Growth of the process's memory while the network ran; at least its weights. */
  readonly memoryBytes: number;
  /** Images per second through the backbone, in batches. */
  readonly imagesPerSecond: number;
  /** Images per second, including decoding and preprocessing. */
  readonly overallPerSecond: number;
}

/** The origin of a {@link Cost}'s figures. */
export type Known = "measured" | "remembered" | "predicted";

export interface Cost extends Measured {
  readonly known: Known;
  /** Bytes of a trained model's weights, float32. */
  readonly sizeBytes: number;
}
