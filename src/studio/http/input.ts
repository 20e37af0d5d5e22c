/**
 * Validates what requests bring before any work: JSON bodies, parts of the path, queries; and reads bodies within the limits of
 * http/request-bounds.ts. A value that does not fit its schema is refused (400) with one sentence that names it.
 */

import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import * as v from "valibot";
import { usageError } from "../../base/errors.ts";
import type { JsonBounds } from "../../base/json-bounds.ts";
import { named } from "../../base/text.ts";
import { parseJson } from "../../http/json.ts";
import type { Bodies, BodyLimit } from "../../http/request-bounds.ts";
import { Refusal } from "../../http/responses.ts";
import { MAX_IMAGE_BYTES } from "../project/receive.ts";

/** The maximum length of one text value, in UTF-16 units: paths of images fit. */
const LONGEST = 4096;
/** The maximum number of images in one request. */
const MOST = 100_000;

/** Any text of reasonable length; whoever uses it decides what is valid. */
export const textSchema = v.pipe(v.string(), v.maxLength(LONGEST));

/** `{ name }`: the name of a class. */
export const nameSchema = v.strictObject({ name: textSchema });
/** `{ ids }`: ids of images. */
export const idsSchema = v.strictObject({ ids: v.pipe(v.array(textSchema), v.maxLength(MOST)) });
/** `{ ids, to }`: ids of images, and their new class. */
export const relabelSchema = v.strictObject({ ...idsSchema.entries, to: textSchema });
/** `{ change }`: the id of a change. */
export const undoSchema = v.strictObject({ change: v.exactOptional(textSchema) });

/** A part of a dataset. */
export const partSchema = v.picklist(["train", "validation", "test"]);
/** `ArrangementRequest` of api.ts. */
export const arrangementSchema = v.strictObject({
  paths: v.pipe(v.array(textSchema), v.maxLength(2 * MOST)),
  lists: v.pipe(v.array(v.strictObject({ path: textSchema, base64: v.string() })), v.maxLength(100)),
  loose: v.exactOptional(textSchema),
  folderIs: v.exactOptional(v.picklist(["class", "classes"])),
});

/** The body of a request as JSON that fits a schema. */
export async function bodyAs<S extends v.GenericSchema>(c: Context<Env>, schema: S): Promise<v.InferOutput<S>> {
  const value = await jsonOf(c);
  // A list would pass an object schema.
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usageError("The body of this request must be a JSON object.");
  return fitting(schema, value, "the body of this request");
}

/** A part of the path. */
export const paramAs = <S extends v.GenericSchema>(c: Context, name: string, schema: S): v.InferOutput<S> =>
  fitting(schema, c.req.param(name), `"${name}" in the address`);

/** A value of the query; `undefined` if there is none. */
export const queryAs = <S extends v.GenericSchema>(c: Context, name: string, schema: S): v.InferOutput<S> =>
  fitting(schema, c.req.query(name), `"${name}" in the query`);

function fitting<S extends v.GenericSchema>(schema: S, value: unknown, what: string): v.InferOutput<S> {
  const found = v.safeParse(schema, value, { abortEarly: true });
  if (found.success) return found.output;
  const [issue] = found.issues;
  const at = v.getDotPath(issue);
  const where = at === null ? what : `the field "${named(at, 60)}" of ${what}`;
  if (at !== null && issue.expected === "never")
    throw usageError(`Unknown field "${named(at, 60)}" in ${what}: leave it out.`);
  if (issue.received === "undefined") throw usageError(`The request needs ${where}, which is missing.`);
  // For checks of our own, naming the field is enough.
  const expected = issue.expected === null ? "" : `: expected ${issue.expected}, received ${named(issue.received, 60)}`;
  throw usageError(`The studio does not accept ${where}${expected}.`);
}

// Bodies of requests. Images are sent as they are, one per request, so there are no parts to count.

/** What a handler needs to read a request. */
interface Variables {
  readonly bodies: Bodies;
  /** Aborted when the studio is shutting down. */
  readonly cutOff: AbortSignal;
}

export type Env = { Bindings: HttpBindings; Variables: Variables };

/** The maximum size of a JSON body in bytes, and its structure: ids of 100,000 images fit. */
const MAX_JSON_BYTES = 16 * 2 ** 20;
const jsonBounds: JsonBounds = { maxDepth: 16, maxTokens: 250_000 };

/** The memory of all bodies that are read as a whole, in bytes. */
export const BODY_MEMORY = 4 * MAX_IMAGE_BYTES;

const limitOf = (c: Context<Env>, maxBytes: number): BodyLimit => ({ maxBytes, signal: c.var.cutOff });

/** The body, piece by piece; refused as soon as it is longer than `maxBytes`. */
export const bodyOf = (c: Context<Env>, maxBytes: number): AsyncIterable<Buffer> =>
  c.var.bodies.pieces(c.env.incoming, limitOf(c, maxBytes));

/** Does work with an image that is the whole body. */
export const withImageBody = <T>(c: Context<Env>, use: (bytes: Buffer) => Promise<T>): Promise<T> =>
  c.var.bodies.whole(c.env.incoming, limitOf(c, MAX_IMAGE_BYTES), use);

/** The body as JSON. */
export async function jsonOf(c: Context<Env>): Promise<unknown> {
  if (!/^application\/json\b/i.test(c.req.header("Content-Type") ?? ""))
    throw new Refusal(415, "This request needs a JSON body. Send it with Content-Type: application/json.");
  return c.var.bodies.whole(c.env.incoming, limitOf(c, MAX_JSON_BYTES), (bytes) => parseJson(bytes, jsonBounds));
}
