/** Bodies of requests, read within bounds. Pictures come as they are, one a request, so that there are no parts to count. */
import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { usageError } from "../../base/errors.ts";
import { MAX_PICTURE_BYTES, TooLong } from "../project/receive.ts";

export type Env = {
  Bindings: HttpBindings;
  Variables: {
    /** Milliseconds after which a body that brings nothing more is given up. */
    stallMs: number;
  };
};

/** Thrown where a body stops coming, though its end was not reached. */
export class Stalled extends Error {
  override readonly name = "Stalled";
}

/** The longest JSON body, in bytes: ids of 100,000 pictures fit. */
const MAX_JSON_BYTES = 16 * 2 ** 20;

/** The body, piece by piece; refused at once where its header says that it is longer than `limit` bytes. */
export function bodyOf(c: Context<Env>, limit: number): AsyncIterable<Buffer> {
  if (Number(c.req.header("Content-Length") ?? 0) > limit) throw new TooLong(limit);
  return withoutStalls(c.env.incoming as IncomingMessage, c.get("stallMs"));
}

/** What comes, as long as something comes. A stall leaves the connection open, for the answer that tells of it. */
async function* withoutStalls(incoming: IncomingMessage, stallMs: number): AsyncGenerator<Buffer> {
  const pieces = incoming.iterator({ destroyOnReturn: false });
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const stall = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Stalled(`Nothing more came for ${stallMs / 1000} seconds: send it again.`)),
        stallMs,
      );
    });
    try {
      const { done, value } = await Promise.race([pieces.next(), stall]);
      if (done) return;
      yield value as Buffer;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The whole body of a picture. */
export async function pictureOf(c: Context<Env>): Promise<Buffer> {
  return gathered(bodyOf(c, MAX_PICTURE_BYTES), MAX_PICTURE_BYTES);
}

/** The body as JSON. */
export async function jsonOf(c: Context<Env>): Promise<unknown> {
  if (!/^application\/json\b/i.test(c.req.header("Content-Type") ?? ""))
    throw usageError("The body of this request is JSON: send it with Content-Type: application/json.");
  const text = (await gathered(bodyOf(c, MAX_JSON_BYTES), MAX_JSON_BYTES)).toString("utf8");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError("The body of this request is not JSON.", error);
  }
}

async function gathered(source: AsyncIterable<Buffer>, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > limit) throw new TooLong(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
