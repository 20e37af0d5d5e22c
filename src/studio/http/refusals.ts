/** Errors as answers: the status that fits, and the sentence that a `GraftError` carries. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { codeOf, GraftError, messageOf } from "../../base/errors.ts";
import { asSentence } from "../../base/system-errors.ts";
import type { Refusal } from "../api.ts";
import { TooLong } from "../project/receive.ts";
import { Stalled } from "./body.ts";

/** An answer that says no. */
export const refusal = (c: Context, status: ContentfulStatusCode, error: string): Response =>
  c.json({ error } satisfies Refusal, status);

/** A status of HTTP for each kind of failure: the request was wrong, the data is unusable, the work failed. */
const statuses = { usage: 400, data: 422, work: 409 } as const;

/** Anything thrown as an answer; what is no `GraftError` is a defect of the studio, and says so. */
export function answerTo(thrown: unknown, c: Context): Response {
  const error = asSentence(thrown);
  if (error instanceof TooLong) return refusal(c, 413, error.message);
  if (error instanceof Stalled) {
    // What is left of the body would else be waited for.
    c.header("Connection", "close");
    return refusal(c, 408, error.message);
  }
  if (error instanceof GraftError) {
    const isFull = ["ENOSPC", "EDQUOT"].includes(codeOf(error.cause) ?? "");
    return refusal(c, isFull ? 507 : statuses[error.kind], error.message);
  }
  const isGone = error instanceof Error && (error.name === "AbortError" || codeOf(error) === "ECONNRESET");
  if (isGone) return refusal(c, 408, "The request was given up.");
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return refusal(c, 500, `The studio failed: ${messageOf(error)}.`);
}
