/** Bodies of requests to the studio, read by the kit's rules. Pictures come as they are, one a request: there are no parts to count. */
import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { type Budget, createBudget } from "../../base/budget.ts";
import { type BodyBounds, piecesOf, readBody } from "../../http/body.ts";
import { type JsonBounds, parseJson } from "../../http/json.ts";
import { Refusal } from "../../http/refusal.ts";
import { MAX_PICTURE_BYTES } from "../project/receive.ts";

/** What all bodies of one studio have in common. */
export interface BodyRules {
  /** Milliseconds after which a body that brings nothing more is given up. */
  readonly stallMs: number;
  /** Aborted when the studio must end. */
  readonly cutOff: AbortSignal;
  /** The memory of bodies that are read whole. */
  readonly memory: Budget;
}

export type Env = { Bindings: HttpBindings; Variables: { bodies: BodyRules } };

/** The longest JSON body, in bytes, and its structure: ids of 100,000 pictures fit. */
const MAX_JSON_BYTES = 16 * 2 ** 20;
const jsonBounds: JsonBounds = { maxDepth: 16, maxTokens: 250_000 };

/** Bytes of all bodies that are read whole at once. */
export const createBodyMemory = (): Budget => createBudget(4 * MAX_PICTURE_BYTES);

const boundsOf = (c: Context<Env>, maxBytes: number): BodyBounds => {
  const { stallMs, cutOff } = c.get("bodies");
  return { maxBytes, stallMs, signal: cutOff, remedy: "make it smaller first" };
};

/** The body, piece by piece; refused as soon as it is longer than `limit` bytes. */
export const bodyOf = (c: Context<Env>, limit: number): AsyncIterable<Buffer> =>
  piecesOf(c.env.incoming as IncomingMessage, boundsOf(c, limit));

/** Does something with the whole body, whose memory is charged until that is done. */
async function withBody<T>(c: Context<Env>, limit: number, use: (bytes: Buffer) => T | Promise<T>): Promise<T> {
  const { memory } = c.get("bodies");
  const { bytes, release } = await readBody(c.env.incoming as IncomingMessage, boundsOf(c, limit), memory);
  try {
    return await use(bytes);
  } finally {
    release();
  }
}

/** Does something with a picture that is the body. */
export const withPicture = <T>(c: Context<Env>, use: (bytes: Buffer) => Promise<T>): Promise<T> =>
  withBody(c, MAX_PICTURE_BYTES, use);

/** The body as JSON. */
export async function jsonOf(c: Context<Env>): Promise<unknown> {
  if (!/^application\/json\b/i.test(c.req.header("Content-Type") ?? ""))
    throw new Refusal(415, "The body of this request is JSON: send it with Content-Type: application/json.");
  return withBody(c, MAX_JSON_BYTES, (bytes) => parseJson(bytes, jsonBounds));
}
