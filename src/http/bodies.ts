/**
 * How one server reads the bodies of its requests: the same stall, remedy and memory for all of them. What bounds one body is in
 * body.ts; what a body means is for the routes to say.
 *
 * hono's `bodyLimit` is not used: it knows the length alone, neither a client that stalls nor the memory of all bodies together.
 */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { createBudget } from "../base/budget.ts";
import { type BodyBounds, piecesOf, readBody } from "./body.ts";

export interface BodyRules {
  /** The longest wait for the next piece of a body, in milliseconds. */
  readonly stallMs: number;
  /** Bytes of all bodies that are held whole at once. */
  readonly memoryBytes: number;
  /** What to do about a body that is too long: the end of the sentence that refuses it. */
  readonly remedy: string;
}

/** What bounds a single body. */
export interface BodyLimit {
  readonly maxBytes: number;
  /** Ends the reading with its reason. */
  readonly signal: AbortSignal;
}

/** As hono's adaptor has it; no server here speaks HTTP/2. */
type Incoming = IncomingMessage | Http2ServerRequest;

export interface Bodies {
  /** The body piece by piece. Throws what {@link piecesOf} throws. */
  pieces(incoming: Incoming, limit: BodyLimit): AsyncGenerator<Buffer, void>;
  /** Does something with the whole body, whose memory is charged until that is done. Throws what {@link readBody} throws. */
  whole<T>(incoming: Incoming, limit: BodyLimit, use: (bytes: Buffer) => T | Promise<T>): Promise<T>;
}

export function createBodies({ stallMs, memoryBytes, remedy }: BodyRules): Bodies {
  const memory = createBudget(memoryBytes);
  const boundsOf = (limit: BodyLimit): BodyBounds => ({ ...limit, stallMs, remedy });
  return {
    pieces: (incoming, limit) => piecesOf(incoming as IncomingMessage, boundsOf(limit)),
    async whole(incoming, limit, use) {
      const { bytes, release } = await readBody(incoming as IncomingMessage, boundsOf(limit), memory);
      try {
        return await use(bytes);
      } finally {
        release();
      }
    },
  };
}
