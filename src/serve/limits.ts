/** The limits of a server and the schemas of its options. Every limit is a row here. */
import * as v from "valibot";
import { above, type Described, listOf, text, whole } from "../base/option-schemas.ts";

export interface Limits {
  /** Bytes of one request's body. */
  readonly maxBodyBytes: number;
  /** Pixels of one image. */
  readonly maxPixels: number;
  /**
   * Bytes of memory for decoding, over all images that are decoded or wait for their batch; an image that needs more is
   * refused.
   */
  readonly maxDecodeBytes: number;
  /** Images per request. */
  readonly maxImages: number;
  /** Images that are accepted and not answered yet, over all requests. */
  readonly maxQueue: number;
  /** Images per run of a model. */
  readonly maxBatch: number;
  /** The maximum wait of an image for others while a lane is free, in milliseconds. */
  readonly maxWaitMs: number;
  /** The time limit for a request to arrive, and then for its response, in milliseconds. */
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

/** The memory of all bodies that are being received or decoded, in bytes. */
export const allBodiesBytes = ({ maxBodyBytes }: Limits): number => 8 * maxBodyBytes;

/** The maximum number of open sockets; further ones are closed at once. */
export const MAX_CONNECTIONS = 1000;

/** Time limit for a request's line and headers to arrive, in milliseconds. */
export const headersTimeoutMs = ({ timeoutMs }: Limits): number => Math.min(10_000, timeoutMs);

/** The maximum wait for the next piece of a body, in milliseconds. */
export const stallMs = headersTimeoutMs;

// The schemas of the options, each described once.

/** The maximum of Node's timers: a longer one would fire at once. */
const MOST_MS = 2 ** 31 - 1;

/** A time that may be zero. */
const time = (most: number) => {
  const wanted = `a time from 0 to ${most} ms`;
  return v.pipe(
    v.number(wanted),
    v.check((value) => value >= 0 && value <= most, wanted),
  );
};

/** Time limit for the shutdown. */
export const graceMs = time(MOST_MS);

export const port = whole(0, 65_535);
export const host = text("an address of this machine");
export const hostNames = listOf(text("a host's name"));

const ORIGIN = "an origin (a scheme and a name, no path, as https://example.org)";
export const origins = listOf(
  v.pipe(
    text(ORIGIN),
    v.check((value) => URL.canParse(value) && new URL(value).origin === value, ORIGIN),
  ),
);

/** The limits, as options. */
export const limitEntries = {
  maxBodyBytes: above(0, 2 ** 31),
  maxPixels: above(0, 1e9),
  maxDecodeBytes: above(0, 2 ** 40),
  maxImages: whole(1, 10_000),
  maxQueue: whole(1, 1_000_000),
  maxBatch: whole(1, 1024),
  maxWaitMs: time(MOST_MS),
  timeoutMs: above(0, MOST_MS),
} satisfies Described<Limits>;
