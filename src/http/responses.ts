/**
 * What all hono apps here share: error responses as `{ error }`, safe headers, and the table of statuses that a server refuses
 * with. Has no routes.
 */
import type { Context, Env, Hono, MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { methodNotAllowed } from "hono/method-not-allowed";
import { secureHeaders } from "hono/secure-headers";
import { codeOf, GraftError } from "../base/errors.ts";

/** The response for a refusal. */
export const refuse = (c: Context, { status, message, headers }: Refusal): Response =>
  c.json({ error: message } satisfies ErrorBody, status, { ...headers });

export interface FaultOptions<E extends Env> {
  /** Where the existing addresses are described: the end of a sentence. */
  readonly seeAlso: string;
  /** Called with every refusal before it is sent. */
  readonly onRefusal?: ((refusal: Refusal, c: Context<E>) => void) | undefined;
  /** Called with an error that is not the request's fault; returns the response. */
  readonly onDefect: (error: unknown, c: Context<E>) => Refusal | Response;
}

/**
 * Sets the app's error responses. Call it before adding routes.
 *
 * After a refusal, the adaptor reads and discards the rest of the body for a moment: closing the connection at once could
 * destroy the response before the client reads it.
 */
export function answerFaults<E extends Env>(app: Hono<E>, { seeAlso, onRefusal, onDefect }: FaultOptions<E>): void {
  const answer = (c: Context<E>, refusal: Refusal): Response => {
    onRefusal?.(refusal, c);
    return refuse(c, refusal);
  };
  app.use(
    methodNotAllowed<E>({
      app,
      onMethodNotAllowed: (c, methods) => {
        const allow = methods.join(", ");
        return answer(c, new Refusal(405, `This URL supports ${allow}.`, { allow }));
      },
    }),
  );
  app.notFound((c) => answer(c, new Refusal(404, `There is no such URL: ${seeAlso}.`)));
  app.onError((error, c) => {
    const refusal = refusalOf(error) ?? onDefect(error, c);
    return refusal instanceof Refusal ? answer(c, refusal) : refusal;
  });
}

// Headers of every response that limit what a browser may do with it.

/** Sources by directive, as `{ defaultSrc: ["'self'"] }`. */
export type ContentPolicy = NonNullable<NonNullable<Parameters<typeof secureHeaders>[0]>["contentSecurityPolicy"]>;
type PermissionsPolicy = NonNullable<NonNullable<Parameters<typeof secureHeaders>[0]>["permissionsPolicy"]>;

/** For responses that are not pages: nothing may be loaded, run, sent or framed. */
export const dataPolicy: ContentPolicy = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** Sets the headers; a policy that a route has set itself stays. No HSTS: a proxy that adds TLS can set it. */
export const safeHeaders = (
  contentSecurityPolicy: ContentPolicy = dataPolicy,
  permissionsPolicy: PermissionsPolicy = {},
): MiddlewareHandler =>
  secureHeaders({
    contentSecurityPolicy,
    permissionsPolicy,
    xFrameOptions: "DENY",
    strictTransportSecurity: false,
    overwrite: false,
  });

/** The same for responses outside of routes: to requests that are not HTTP or have no valid address. */
export const plainSafeHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
};

// Refusals: a status and one sentence with the cause and the remedy, sent as JSON `{ error }`. `graft serve`, the studio and
// the OpenAPI document share this table of statuses. Nothing here depends on Node, so that pages can import its types.

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

/** Thrown to refuse a request; the client receives its message. */
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

/** The server is overloaded. */
export const busy = (message: string, retryAfterSeconds: number): Refusal =>
  new Refusal(503, message, { "retry-after": String(Math.max(1, Math.ceil(retryAfterSeconds))) });

/** The server is shutting down. */
export const shuttingDown = (): Refusal => busy("The server is shutting down: try again later.", 1);

const isStatus = (status: number): status is RefusalStatus => Object.hasOwn(refusals, status);

/** The refusal that was thrown here or by hono's own middleware; undefined for any other error. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (!(error instanceof HTTPException)) return undefined;
  const status = isStatus(error.status) ? error.status : 400;
  return new Refusal(status, error.message || refusals[status]);
}

/** A status for each kind of failure: the request is wrong, the data is unusable, the work failed. */
const statuses = { usage: 400, data: 422, work: 409 } as const satisfies Record<GraftError["kind"], RefusalStatus>;

/** A failure as a refusal, for servers whose clients may see file paths; undefined for a defect. */
export function refusalOfFailure(error: unknown): Refusal | undefined {
  if (!(error instanceof GraftError)) return undefined;
  const isFull = ["ENOSPC", "EDQUOT"].includes(codeOf(error.cause) ?? "");
  return new Refusal(isFull ? 507 : statuses[error.kind], error.message);
}
