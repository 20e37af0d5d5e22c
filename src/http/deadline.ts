/**
 * How long a request is worth working for: until its client has gone, or its time is over. hono's `timeout` is not used: it has one
 * time for all and lets the work go on, where arrival and answer have a time each, and a signal ends the work.
 */
import type { ServerResponse } from "node:http";
import { busy, Refusal } from "./refusal.ts";

/** The client closed its connection before it had an answer. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** The body has arrived: the time starts again, for the answer. */
  received(): void;
  /** Nothing more is to be waited for. */
  done(): void;
}

/**
 * A deadline for one response: `timeoutMs` for the request to arrive, and as much again for its answer.
 *
 * @param cutOff ends it, whatever the time
 */
export function createDeadline(outgoing: ServerResponse, timeoutMs: number, cutOff: AbortSignal): Deadline {
  const controller = new AbortController();
  const end = (): void => controller.abort(cutOff.reason);
  cutOff.addEventListener("abort", end);
  if (cutOff.aborted) end();
  const gone = (): void => {
    if (!outgoing.writableFinished) controller.abort(new ClientGone("The client has gone."));
  };
  outgoing.once("close", gone);
  const within = (reason: () => Error): NodeJS.Timeout => setTimeout(() => controller.abort(reason()), timeoutMs);
  let timer = within(
    () => new Refusal(408, `The request did not arrive within ${timeoutMs / 1000} seconds: send smaller images.`),
  );
  return {
    signal: controller.signal,
    received() {
      clearTimeout(timer);
      timer = within(() => busy(`There was no answer within ${timeoutMs / 1000} seconds: try again later.`, 1));
    },
    done() {
      clearTimeout(timer);
      outgoing.off("close", gone);
      cutOff.removeEventListener("abort", end);
    },
  };
}

/** What work comes to, or the signal's reason if that is aborted first; the work itself goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
