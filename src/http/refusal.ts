/**
 * Responses that refuse a request: a status and one sentence with the cause and the remedy, as JSON `{ error }`. The one table
 * of statuses that `graft serve`, the studio and the OpenAPI document share. Knows nothing of Node, so that pages may take its
 * types.
 */
import { HTTPException } from "hono/http-exception";
import { codeOf, GraftError } from "../base/errors.ts";

/** The statuses that a server refuses with, and when. */
export const refusals = {
  400: "The request cannot be understood: the sentence says what is wrong with it.",
  401: "A token is required, and it is missing or wrong.",
  403: "The request comes from a page of another origin that is not allowed.",
  404: "There is no such route, model or file.",
  405: "The route takes another method.",
  408: "The request took too long to arrive.",
  409: "The request does not fit what is happening now, or the work failed.",
  413: "The body, an image or the number of images is too large.",
  415: "The body has a content type or encoding that is not read.",
  417: "The request expects something that the server does not do.",
  421: "The Host header names another machine than this one.",
  422: "The data of the request cannot be used.",
  431: "The request's headers are too long.",
  500: "The server failed: see its log.",
  503: "The server is full, is shutting down, or took too long: try again after the seconds in Retry-After.",
  507: "The server's disk is full.",
} as const satisfies Readonly<Record<number, string>>;

export type RefusalStatus = keyof typeof refusals;

/** The body of every refusal. */
export interface ErrorBody {
  readonly error: string;
}

/** Thrown where a request is refused; its message goes to the client as it is. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: RefusalStatus;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: RefusalStatus, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The server can take no more at present. */
export const busy = (message: string, retryAfterSeconds: number): Refusal =>
  new Refusal(503, message, { "retry-after": String(Math.max(1, Math.ceil(retryAfterSeconds))) });

/** The server is shutting down. */
export const shuttingDown = (): Refusal => busy("The server is shutting down: try again later.", 1);

const isStatus = (status: number): status is RefusalStatus => Object.hasOwn(refusals, status);

/** What was thrown to refuse a request: here, or by hono's own middleware. Nothing where it is something else. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (!(error instanceof HTTPException)) return undefined;
  const status = isStatus(error.status) ? error.status : 400;
  return new Refusal(status, error.message || refusals[status]);
}

/** A status for each kind of failure: the request is wrong, the data is unusable, the work failed. */
const statuses = { usage: 400, data: 422, work: 409 } as const satisfies Record<GraftError["kind"], RefusalStatus>;

/** A failure as a refusal, for servers whose clients may read of its files. Nothing where it is a defect. */
export function refusalOfFailure(error: unknown): Refusal | undefined {
  if (!(error instanceof GraftError)) return undefined;
  const isFull = ["ENOSPC", "EDQUOT"].includes(codeOf(error.cause) ?? "");
  return new Refusal(isFull ? 507 : statuses[error.kind], error.message);
}
