/**
 * Sends requests to a hub: follows redirects one by one, sends the token only to the hub, and retries failures. Does not interpret
 * responses.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { GraftError } from "../../base/errors.ts";
import { graftVersion } from "../../base/version.ts";
import { type Attempt, connectionFault, PassingFault, redirectFailure, stallFault } from "./hub-failures.ts";

/** When to try again and when to give up; times in milliseconds. */
export interface RetryPolicy {
  /** How many failures in a row end the work; a failure after new bytes arrived counts as the first. */
  readonly tries: number;
  /** The first wait between two tries; each further wait is twice as long, up to 30 s. */
  readonly firstWaitMs: number;
  /** The longest wait that a server may ask for (`Retry-After`). */
  readonly longestWaitMs: number;
  /** How long a server may send nothing. */
  readonly silenceMs: number;
  /** Waits for a time. */
  readonly wait: (milliseconds: number) => Promise<unknown>;
}

export const defaultRetryPolicy: RetryPolicy = {
  tries: 6,
  firstWaitMs: 1000,
  longestWaitMs: 5 * 60_000,
  silenceMs: 60_000,
  wait: (milliseconds) => sleep(milliseconds),
};

/**
 * Runs `work` until it succeeds, throws anything other than a {@link PassingFault}, or the policy gives up.
 *
 * @param onWait called with the length of the next wait, in milliseconds, and its reason
 * @param work calls `progressed` when it got further than before: the count of failures then starts again
 * @throws the `final` error of the last PassingFault when the policy gives up
 */
export async function withRetries<T>(
  { tries, firstWaitMs, longestWaitMs, wait }: RetryPolicy,
  onWait: (milliseconds: number, reason: string) => void,
  work: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let failed = 0;
  for (;;) {
    try {
      return await work(() => {
        failed = 0;
      });
    } catch (error) {
      if (!(error instanceof PassingFault)) throw error;
      failed++;
      if (failed >= tries || (error.waitMs ?? 0) > longestWaitMs) throw error.final;
      const milliseconds = Math.max(error.waitMs ?? 0, Math.min(firstWaitMs * 2 ** (failed - 1), 30_000));
      onWait(milliseconds, error.message);
      await wait(milliseconds);
    }
  }
}

// One request, without retries.

/** One response: a redirect, or the last one. */
export interface Hop {
  readonly url: URL;
  readonly response: Response;
  /** The chunks of the body as they arrive. Throws the failures of hub-failures.ts. */
  chunks(): AsyncGenerator<Uint8Array>;
}

export interface RequestOptions {
  readonly method: "HEAD" | "GET";
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How long a server may send nothing, in milliseconds. */
  readonly silenceMs: number;
}

const mostRedirects = 10;

/**
 * Requests a URL and returns each response in turn, redirects included. The caller may stop at any of them.
 *
 * `HF_TOKEN` is sent only to the endpoint's own origin (scheme, host and port): storage gets signed URLs instead.
 *
 * @throws GraftError (`work`, code `fetch-failed`) or PassingFault if there is no response or a redirect cannot be followed
 */
export async function* hops(from: URL, attempt: Attempt, options: RequestOptions): AsyncGenerator<Hop> {
  const { hub } = attempt;
  const home = new URL(hub.endpoint).origin;
  for (let url = from, count = 0; ; count++) {
    const hop = await send(url, attempt, {
      ...options,
      headers: {
        "user-agent": `graft-ml/${graftVersion}`,
        // A compressed response could not be measured or resumed.
        "accept-encoding": "identity",
        ...options.headers,
        // Not undefined: fetch would send that word.
        ...(hub.token && url.origin === home ? { authorization: `Bearer ${hub.token}` } : {}),
      },
    });
    yield hop;
    const { status, headers, body } = hop.response;
    const location = headers.get("location");
    if (status < 300 || status >= 400 || status === 304 || location === null) return;
    await body?.cancel().catch(() => {});
    if (count >= mostRedirects) throw redirectFailure(url, `more than ${mostRedirects} times`, attempt);
    url = target(url, location, attempt);
  }
}

function target(from: URL, location: string, attempt: Attempt): URL {
  if (!URL.canParse(location, from)) throw redirectFailure(from, "to an invalid address", attempt);
  const url = new URL(location, from);
  if (!/^https?:$/.test(url.protocol) || url.username || url.password)
    throw redirectFailure(from, "to an address that is not plain http(s)", attempt);
  if (from.protocol === "https:" && url.protocol !== "https:")
    throw redirectFailure(from, "from https to http, where anyone could change it", attempt);
  return url;
}

async function send(url: URL, attempt: Attempt, { method, headers = {}, silenceMs }: RequestOptions): Promise<Hop> {
  const stop = new AbortController();
  /** Runs `work`, but ends it if the server sends nothing for too long. */
  const within = async <T>(work: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => stop.abort(stallFault(url, silenceMs, attempt)), silenceMs);
    try {
      return await work();
    } catch (error) {
      if (error instanceof PassingFault || error instanceof GraftError) throw error;
      throw connectionFault(error, url, attempt);
    } finally {
      clearTimeout(timer);
    }
  };
  const response = await within(() => fetch(url, { method, redirect: "manual", signal: stop.signal, headers }));
  return {
    url,
    response,
    async *chunks() {
      const reader = response.body?.getReader();
      if (!reader) return;
      try {
        for (;;) {
          const { done, value } = await within(() => reader.read());
          if (done) return;
          yield value;
        }
      } finally {
        // Ends the transfer if the caller stops reading.
        await reader.cancel().catch(() => {});
      }
    },
  };
}
