/** Bodies of requests to the studio, read by the kit's rules. Images come as they are, one a request: there are no parts to count. */
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { JsonBounds } from "../../base/json-bounds.ts";
import type { Bodies, BodyLimit } from "../../http/bodies.ts";
import { parseJson } from "../../http/json.ts";
import { Refusal } from "../../http/refusal.ts";
import { MAX_PICTURE_BYTES } from "../project/receive.ts";

/** What a handler has at hand to read its request by. */
interface Variables {
  readonly bodies: Bodies;
  /** Aborted when the studio must end. */
  readonly cutOff: AbortSignal;
}

export type Env = { Bindings: HttpBindings; Variables: Variables };

/** The longest JSON body, in bytes, and its structure: ids of 100,000 images fit. */
const MAX_JSON_BYTES = 16 * 2 ** 20;
const jsonBounds: JsonBounds = { maxDepth: 16, maxTokens: 250_000 };

/** Bytes of all bodies that are read whole at once. */
export const BODY_MEMORY = 4 * MAX_PICTURE_BYTES;

const limitOf = (c: Context<Env>, maxBytes: number): BodyLimit => ({ maxBytes, signal: c.var.cutOff });

/** The body, piece by piece; refused as soon as it is longer than `maxBytes`. */
export const bodyOf = (c: Context<Env>, maxBytes: number): AsyncIterable<Buffer> =>
  c.var.bodies.pieces(c.env.incoming, limitOf(c, maxBytes));

/** Does something with an image that is the body. */
export const withPicture = <T>(c: Context<Env>, use: (bytes: Buffer) => Promise<T>): Promise<T> =>
  c.var.bodies.whole(c.env.incoming, limitOf(c, MAX_PICTURE_BYTES), use);

/** The body as JSON. */
export async function jsonOf(c: Context<Env>): Promise<unknown> {
  if (!/^application\/json\b/i.test(c.req.header("Content-Type") ?? ""))
    throw new Refusal(415, "This request needs a JSON body. Send it with Content-Type: application/json.");
  return c.var.bodies.whole(c.env.incoming, limitOf(c, MAX_JSON_BYTES), (bytes) => parseJson(bytes, jsonBounds));
}
