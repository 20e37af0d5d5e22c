/** What one client may ask for, and what the server takes on at all. Every bound of the server is a row here. */
import * as v from "valibot";
import { above, type Described, listOf, text, whole } from "../base/option-schemas.ts";

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

// The options of a server, each described once.

/** Node's timers count no further: a longer one would go off at once. */
const MOST_MS = 2 ** 31 - 1;

/** A time of which none is meant too. */
const time = (most: number) => {
  const wanted = `a time from 0 to ${most} ms`;
  return v.pipe(
    v.number(wanted),
    v.check((value) => value >= 0 && value <= most, wanted),
  );
};

/** How long ending may take. */
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

/** What a server takes on, see limits.ts. */
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
