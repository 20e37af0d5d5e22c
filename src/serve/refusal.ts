/** Answers that are refusals: a status and one sentence with the cause and the remedy, as JSON `{ error }`. */

/** The statuses that the server refuses with, and when. The one table that code and OpenAPI document share. */
export const refusals = {
  400: "The request cannot be understood: the sentence says what is wrong with it.",
  401: "A bearer token is required, and it is missing or wrong.",
  403: "The request comes from a page of another origin that was not let in with --cors.",
  404: "There is no such route or model.",
  405: "The route is asked with another method.",
  408: "The request took too long to arrive.",
  413: "The body, a picture or the number of pictures is too large.",
  415: "The body is of a content type that is not read.",
  421: "The Host header names another machine than this one.",
  422: "No picture of the request can be read.",
  500: "The model failed: the server's log says how.",
  503: "The server is full, is being shut down, or took too long: try again after the seconds in Retry-After.",
} as const satisfies Readonly<Record<number, string>>;

export type RefusalStatus = keyof typeof refusals;

/** Thrown where a request is not to be answered; its message is meant for the client as it stands. */
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
