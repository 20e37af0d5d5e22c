/**
 * What requests bring, checked before any work: JSON bodies, parts of the path, queries. A value that does not fit its
 * schema is refused (400) with one sentence that names it. Bytes of bodies are read in body.ts.
 */
import type { Context } from "hono";
import * as v from "valibot";
import { usageError } from "../../base/errors.ts";
import { named } from "../../base/text.ts";
import { type Env, jsonOf } from "./body.ts";

/** The longest text that a request may bring as one value, in UTF-16 units: paths of pictures fit. */
const LONGEST = 4096;
/** The most pictures in one request. */
const MOST = 100_000;

/** Any text that is not absurdly long; what it may hold is decided by who takes it. */
export const textSchema = v.pipe(v.string(), v.maxLength(LONGEST));

/** `{ name }`: of a class. */
export const nameSchema = v.strictObject({ name: textSchema });
/** `{ ids }`: of pictures. */
export const idsSchema = v.strictObject({ ids: v.pipe(v.array(textSchema), v.maxLength(MOST)) });
/** `{ ids, to }`: pictures, and the class that they become. */
export const relabelSchema = v.strictObject({ ...idsSchema.entries, to: textSchema });
/** `{ change }`: the one that is meant. */
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

/** The body of a request as JSON of a shape. */
export async function bodyAs<S extends v.GenericSchema>(c: Context<Env>, schema: S): Promise<v.InferOutput<S>> {
  const value = await jsonOf(c);
  // To a schema of an object a list is one, too.
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usageError("The body of this request must be a JSON object.");
  return fitting(schema, value, "the body of this request");
}

/** A part of the path. */
export const paramAs = <S extends v.GenericSchema>(c: Context, name: string, schema: S): v.InferOutput<S> =>
  fitting(schema, c.req.param(name), `"${name}" in the address`);

/** A value of the query; `undefined` where there is none. */
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
  // A check of our own has nothing to say beside its place.
  const expected = issue.expected === null ? "" : `: expected ${issue.expected}, received ${named(issue.received, 60)}`;
  throw usageError(`The studio does not accept ${where}${expected}.`);
}
