/**
 * The door of the studio, in front of every route. Pages of other origins and names that were made to point here (DNS rebinding)
 * are refused by http/access.ts before; who may ask at all is decided in session.ts. The built page itself is no secret:
 * without a session it can only ask for the printed link.
 *
 * hono's `bearerAuth` and `getCookie` are not used: a session or a signed link does as well as the token, and of several cookies
 * of one name `getCookie` gives one.
 */
import type { Context, MiddlewareHandler } from "hono";
import type { ContentPolicy } from "../../http/headers.ts";
import { Refusal } from "../../http/refusal.ts";
import type { Credentials, Sessions } from "./session.ts";

/**
 * Nothing from elsewhere: scripts, styles and requests of this origin alone, pictures also of the page's own making. WebAssembly
 * is not used.
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

/** Lets in who has a session, or a signed link to where the request leads (401). */
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
