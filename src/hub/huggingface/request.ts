/**
 * One request to a hub: redirects followed one by one, the token kept from strangers, silence ended. What the
 * answers mean, and whether to ask again, is not known here.
 */
import { GraftError } from "../../base/errors.ts";
import { graftVersion } from "../../base/version.ts";
import { type Attempt, connectionFault, PassingFault, redirectFailure, stallFault } from "./failures.ts";

/** One answer on the way: a redirect, or the last. */
export interface Hop {
  readonly url: URL;
  readonly response: Response;
  /** The body's chunks as they arrive; throws the faults of failures.ts. */
  chunks(): AsyncGenerator<Uint8Array>;
}

export interface RequestOptions {
  readonly method: "HEAD" | "GET";
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How long a server may be silent, in milliseconds. */
  readonly silence: number;
}

const mostRedirects = 10;

/**
 * Asks for an address and yields each answer in turn, redirects included; whoever reads may stop at any of them.
 *
 * `HF_TOKEN` goes to the endpoint's own origin only (scheme, host and port): storage gets signed addresses instead.
 *
 * @throws GraftError or PassingFault where no answer can be had or a redirect leads nowhere
 */
export async function* hops(from: URL, attempt: Attempt, options: RequestOptions): AsyncGenerator<Hop> {
  const { hub } = attempt;
  const home = new URL(hub.endpoint).origin;
  for (let url = from, count = 0; ; count++) {
    const hop = await send(url, attempt, {
      ...options,
      headers: {
        "user-agent": `graft-ml/${graftVersion}`,
        // A compressed answer could be neither measured nor resumed.
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
  if (!URL.canParse(location, from)) throw redirectFailure(from, "to an address that is none", attempt);
  const url = new URL(location, from);
  if (!/^https?:$/.test(url.protocol) || url.username || url.password)
    throw redirectFailure(from, "to an address that is no plain http(s) one", attempt);
  if (from.protocol === "https:" && url.protocol !== "https:")
    throw redirectFailure(from, "from https to http, where anyone could change it", attempt);
  return url;
}

async function send(url: URL, attempt: Attempt, { method, headers = {}, silence }: RequestOptions): Promise<Hop> {
  const stop = new AbortController();
  /** Waits for something of the server, but not for ever. */
  const within = async <T>(work: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => stop.abort(stallFault(url, silence, attempt)), silence);
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
        // Ends the transfer where nobody reads on.
        await reader.cancel().catch(() => {});
      }
    },
  };
}
