/**
 * Access to the studio: sessions, the guard in front of every route, downloads by signed links, and the event stream. All
 * secrets are in this process's memory and end with it.
 *
 * The printed link has a token. A browser exchanges it once for a session, which has two halves. The cookie cannot be read by
 * scripts, but browsers send it to every port of 127.0.0.1. The key is in the storage of the page's origin, which no other port
 * can read, and is sent as a header. Each half is useless without the other. Downloads cannot send a header: they use a link
 * that is signed for one path, one session and two minutes. Programs send the token itself as a bearer token.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { setCookie } from "hono/cookie";
import { streamSSE } from "hono/streaming";
import * as v from "valibot";
import { usageError } from "../../base/errors.ts";
import { type ContentPolicy, Refusal } from "../../http/responses.ts";
import type { Entry, SignedLink, StudioEvent } from "../api.ts";
import { bodyAs, type Env, textSchema } from "./input.ts";

/** A browser with a session. */
export interface Session {
  /** The cookie's value. */
  readonly id: string;
  /** The header's value. */
  readonly key: string;
}

/** The credentials of a request. */
export interface Credentials {
  /** All cookies with the session's name: a page on another port can add one of that name. */
  readonly cookies: readonly string[];
  readonly key: string | undefined;
  /** `Authorization: Bearer …` */
  readonly bearer: string | undefined;
}

export interface Sessions {
  /** The token of the printed link. */
  readonly token: string;
  /** The browser's session for a valid token: its existing one, or a new one. */
  enter(token: string, cookies: readonly string[]): Session | undefined;
  /** Whether a request has access. */
  admits(credentials: Credentials): boolean;
  /** Signs a path of this server for the browser that asks, so that it opens without a header; undefined without a session. */
  sign(path: string, credentials: Credentials): string | undefined;
  /** Whether `url` (path and query) is a link that {@link sign} made for the browser with these cookies. */
  opens(url: string, cookies: readonly string[]): boolean;
}

/** The length of each secret, in bytes. */
const SECRET_BYTES = 32;
/** The maximum number of sessions; the oldest one is dropped first. */
const MOST = 32;
/** How long a signed link is valid, in milliseconds. */
const LINK_AGE = 120_000;

const secret = (): string => randomBytes(SECRET_BYTES).toString("hex");

/** @param now a monotonic clock in milliseconds; default `performance.now` */
export function createSessions(now: () => number = () => performance.now()): Sessions {
  const token = secret();
  const sessions = new Map<string, Session>();
  const signing = randomBytes(SECRET_BYTES);
  const sessionOf = (cookies: readonly string[]): Session | undefined => {
    for (const id of cookies) {
      const session = sessions.get(id);
      if (session) return session;
    }
    return undefined;
  };
  const keyed = ({ cookies, key }: Credentials): Session | undefined => {
    const session = sessionOf(cookies);
    return session && key !== undefined && isSame(key, session.key) ? session : undefined;
  };
  const signature = (path: string, expires: string, { id }: Session): string =>
    createHmac("sha256", signing)
      .update(JSON.stringify([id, path, expires]))
      .digest("hex");

  return {
    token,
    enter(given, cookies) {
      if (!isSame(given, token)) return undefined;
      const known = sessionOf(cookies);
      if (known) return known;
      const session = { id: secret(), key: secret() };
      sessions.set(session.id, session);
      for (const id of [...sessions.keys()].slice(0, -MOST)) sessions.delete(id);
      return session;
    },
    admits: (credentials) =>
      (credentials.bearer !== undefined && isSame(credentials.bearer, token)) || keyed(credentials) !== undefined,
    sign(path, credentials) {
      const session = keyed(credentials);
      if (!session) return undefined;
      const expires = String(Math.ceil(now() + LINK_AGE));
      return `${path}${path.includes("?") ? "&" : "?"}ticket=${expires}.${signature(path, expires, session)}`;
    },
    opens(url, cookies) {
      const [, path, expires, signed] = /^(.+)[?&]ticket=(\d{1,16})\.([0-9a-f]{64})$/.exec(url) ?? [];
      const session = sessionOf(cookies);
      if (!session || path === undefined || expires === undefined || signed === undefined) return false;
      return isSame(signed, signature(path, expires, session)) && now() <= Number(expires);
    },
  };
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

// The guard in front of every route. http/access.ts has already refused pages of other origins and foreign host names (DNS
// rebinding). The built page is public: without a session it can only ask for the printed link.
// hono's `bearerAuth` and `getCookie` are not used: a session or a signed link is as good as the token, and `getCookie` returns
// only one of several cookies with the same name.

/**
 * Only resources of this origin: scripts, styles and requests; images may also be made by the page itself. WebAssembly is not
 * used.
 */
export const pagePolicy: ContentPolicy = {
  defaultSrc: ["'self'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", "blob:", "data:"],
  mediaSrc: ["'self'", "blob:"],
  connectSrc: ["'self'"],
  objectSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** The header that carries a session's key. */
export const KEY_HEADER = "Graft-Key";

export interface Door {
  readonly sessions: Sessions;
  /** The listening port, once it is known. */
  readonly port: () => number;
}

/** The cookie's name has the port: browsers share cookies between ports. */
export const cookieName = (port: number): string => `graft-studio-${port}`;

/** The credentials in a request. */
export function credentialsOf(c: Context, port: number): Credentials {
  const name = `${cookieName(port)}=`;
  const pairs = (c.req.header("Cookie") ?? "").split(";").map((pair) => pair.trim());
  return {
    cookies: pairs.filter((pair) => pair.startsWith(name)).map((pair) => pair.slice(name.length)),
    key: c.req.header(KEY_HEADER),
    bearer: /^Bearer (.+)$/i.exec(c.req.header("Authorization") ?? "")?.[1],
  };
}

/** Admits requests with a session, or with a signed link to their URL (401). */
export function guard({ sessions, port }: Door): MiddlewareHandler {
  const isAdmitted = (c: Context): boolean => {
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    const isPage = isRead && !/^\/api(\/|$)/.test(c.req.path);
    if (isPage || (c.req.method === "POST" && c.req.path === "/api/session")) return true;
    const credentials = credentialsOf(c, port());
    const { pathname, search } = new URL(c.req.url);
    return sessions.admits(credentials) || (isRead && sessions.opens(pathname + search, credentials.cookies));
  };
  return async (c, next) => {
    if (isAdmitted(c)) return next();
    throw new Refusal(
      401,
      c.req.query("ticket") !== undefined
        ? "This link has expired, or belongs to another browser. Open it again from the studio's page."
        : "This browser has no access to the studio. Please open the link that `graft studio` printed.",
    );
  };
}

// The routes by which a browser gets a session and downloads files.

const entrySchema = v.strictObject({ token: textSchema });

/** What can be downloaded: files of a run. */
const download = /^\/api\/runs\/[\d-]+\/(page|files\/[a-z]+\.[a-z]+(\?view)?)$/;
const linkSchema = v.strictObject({
  path: v.pipe(
    textSchema,
    v.check((path) => download.test(path)),
  ),
});

export function sessionRoutes({ sessions, port }: Door): Hono<Env> {
  return new Hono<Env>()
    .post("/session", async (c) => {
      const { token } = await bodyAs(c, entrySchema);
      const session = sessions.enter(token, credentialsOf(c, port()).cookies);
      if (!session)
        throw new Refusal(
          401,
          "This link belongs to a studio that has stopped. Open the link that the current one printed.",
        );
      // Without an age, it ends with the browser; it is useless after this process ends.
      setCookie(c, cookieName(port()), session.id, { httpOnly: true, sameSite: "Strict", path: "/api" });
      c.header("Cache-Control", "no-store");
      return c.json({ key: session.key } satisfies Entry);
    })
    .post("/links", async (c) => {
      const { path } = await bodyAs(c, linkSchema);
      const url = sessions.sign(path, credentialsOf(c, port()));
      if (url === undefined) throw usageError("Links are for browsers: send the bearer token with the download.");
      return c.json({ url } satisfies SignedLink);
    });
}

// Server-sent events: changes in the studio, for every open page.

export interface Events {
  tell(event: StudioEvent): void;
  /** A response that continues until the page leaves. */
  stream(c: Context): Response;
  close(): void;
}

/** The number of messages that a slow page may be behind; further ones drop the oldest. Each message has a whole state. */
const BEHIND = 200;
/** The interval of keep-alive messages, in milliseconds. */
const BEAT = 15_000;

export function createEvents(): Events {
  const listeners = new Set<{ tell(event: StudioEvent): void; end(): void }>();
  return {
    tell(event) {
      for (const listener of listeners) listener.tell(event);
    },
    close() {
      for (const listener of listeners) listener.end();
    },
    stream: (c) =>
      streamSSE(c, async (stream) => {
        const waiting: StudioEvent[] = [];
        let open = true;
        let wake = (): void => {};
        const listener = {
          tell(event: StudioEvent): void {
            waiting.push(event);
            if (waiting.length > BEHIND) waiting.shift();
            wake();
          },
          end(): void {
            open = false;
            wake();
          },
        };
        listeners.add(listener);
        stream.onAbort(listener.end);
        const beat = setInterval(() => void stream.write(": still here\n\n"), BEAT);
        try {
          await stream.write(": hello\n\n");
          while (open) {
            const event = waiting.shift();
            if (event) await stream.writeSSE({ data: JSON.stringify(event) });
            else
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
          }
        } finally {
          clearInterval(beat);
          listeners.delete(listener);
        }
      }),
  };
}
