/**
 * The door of the studio, in front of every route. Pages of other origins are known by `Origin` and `Sec-Fetch-Site`, names
 * that were made to point here (DNS rebinding) by `Host`; who may ask at all is decided in session.ts. The built page
 * itself is no secret: without a session it can only ask for the printed link.
 */
import type { Context, MiddlewareHandler } from "hono";
import { refusal } from "./refusals.ts";
import type { Credentials, Sessions } from "./session.ts";

/**
 * Nothing from elsewhere: scripts, styles and requests of this origin alone, pictures also of the page's own making. WebAssembly
 * is not used.
 */
const policy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of every answer. */
const headers: Readonly<Record<string, string>> = {
  "Content-Security-Policy": policy,
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "X-DNS-Prefetch-Control": "off",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
};

/** The header that carries a session's key. */
export const KEY_HEADER = "Graft-Key";

export interface Door {
  readonly sessions: Sessions;
  /** The port that is listened on, once it is known. */
  readonly port: () => number;
}

/** The cookie's name: browsers keep cookies of all ports together. */
export const cookieName = (port: number): string => `graft-studio-${port}`;

/** What a request brings to be let in by. */
export function credentialsOf(c: Context, port: number): Credentials {
  const name = `${cookieName(port)}=`;
  const pairs = (c.req.header("Cookie") ?? "").split(";").map((pair) => pair.trim());
  return {
    cookies: pairs.filter((pair) => pair.startsWith(name)).map((pair) => pair.slice(name.length)),
    key: c.req.header(KEY_HEADER),
    bearer: /^Bearer (.+)$/i.exec(c.req.header("Authorization") ?? "")?.[1],
  };
}

/** The middleware in front of everything. */
export function guard({ sessions, port }: Door): MiddlewareHandler {
  /** Why a request is refused; nothing where it is let in. */
  const objection = (c: Context): readonly [status: 401 | 403, error: string] | undefined => {
    const own = ["127.0.0.1", "localhost", "[::1]"].map((name) => `${name}:${port()}`);
    const host = c.req.header("Host")?.toLowerCase();
    if (host === undefined || !own.includes(host))
      return [403, `The studio does not answer to that name: open http://${own[0]}/.`];
    const foreign = [403, "The studio answers to its own page only: this request comes from another."] as const;
    const origin = c.req.header("Origin");
    if (origin !== undefined && origin !== `http://${host}`) return foreign;
    const site = c.req.header("Sec-Fetch-Site");
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    const isVisit = isRead && c.req.header("Sec-Fetch-Mode") === "navigate";
    if (site !== undefined && site !== "same-origin" && site !== "none" && !(isVisit && c.req.path === "/"))
      return foreign;

    const isPage = isRead && !/^\/api(\/|$)/.test(c.req.path);
    if (isPage || (c.req.method === "POST" && c.req.path === "/api/session")) return undefined;
    const credentials = credentialsOf(c, port());
    if (sessions.admits(credentials)) return undefined;
    const { pathname, search } = new URL(c.req.url);
    if (isRead && sessions.opens(pathname + search, credentials.cookies)) return undefined;
    return search.includes("ticket=")
      ? [401, "This link has expired, or another browser opened it: open it again from the studio's page."]
      : [401, "The studio does not know this browser: open the link that `graft studio` printed."];
  };

  return async (c, next) => {
    const refused = objection(c);
    if (refused) {
      for (const [name, value] of Object.entries(headers)) c.header(name, value);
      // What is left of a body that nobody reads would else keep the connection waiting.
      if (c.req.raw.body) c.header("Connection", "close");
      return refusal(c, ...refused);
    }
    await next();
    for (const [name, value] of Object.entries(headers)) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    return undefined;
  };
}
