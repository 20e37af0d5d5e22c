/** What one client may ask for, and what the server takes on at all. Every bound of the server is a row here. */

export interface Limits {
  /** Bytes of one request's body. */
  readonly maxBodyBytes: number;
  /** Pixels of one picture. */
  readonly maxPixels: number;
  /** Bytes of memory that decoding takes, of all pictures that are decoded or wait for their batch; one that takes more is refused. */
  readonly maxDecodeBytes: number;
  /** Pictures of one request. */
  readonly maxImages: number;
  /** Pictures accepted and not answered yet, of all requests together. */
  readonly maxQueue: number;
  /** Pictures of one run of a model. */
  readonly maxBatch: number;
  /** The longest that a picture waits for others beside a free lane, in milliseconds. */
  readonly maxWaitMs: number;
  /** The longest that a request may take to arrive, and then to be answered, in milliseconds. */
  readonly timeoutMs: number;
}

export const defaultLimits: Limits = {
  maxBodyBytes: 32e6,
  maxPixels: 50e6,
  maxDecodeBytes: 512e6,
  maxImages: 64,
  maxQueue: 256,
  maxBatch: 4,
  maxWaitMs: 5,
  timeoutMs: 30_000,
};

/** Bytes of all bodies that are being received or decoded at once. */
export const allBodiesBytes = ({ maxBodyBytes }: Limits): number => 8 * maxBodyBytes;

/** Sockets open at once; more are closed as they come. */
export const MAX_CONNECTIONS = 1000;

/** Time for a request's line and headers to arrive, in milliseconds. */
export const headersTimeoutMs = ({ timeoutMs }: Limits): number => Math.min(10_000, timeoutMs);

/** The longest wait for the next piece of a body, in milliseconds. */
export const stallMs = headersTimeoutMs;
