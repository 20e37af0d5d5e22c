/**
 * Who may speak to the studio: its own page, opened with the link that was printed, and nothing else that runs in the same
 * browser or on the same machine. Pages of other origins are told by `Origin` and `Sec-Fetch-Site`, names that were made to
 * point here (DNS rebinding) by `Host`, other users of the machine by the token.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, readFile } from "node:fs/promises";
import type { MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { writeWhole } from "../../base/files.ts";
import { refusal } from "./refusals.ts";

/** The project's secret, made when first needed; only its owner may read it. */
export async function readToken(path: string): Promise<string> {
  const known = (await readFile(path, "utf8").catch(() => "")).trim();
  if (/^[0-9a-f]{48}$/.test(known)) return known;
  const token = randomBytes(24).toString("hex");
  await writeWhole(path, token);
  await chmod(path, 0o600);
  return token;
}

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
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
};

export interface Door {
  readonly token: string;
  /** The port that is listened on, once it is known. */
  readonly port: () => number;
}

/** The middleware in front of everything. */
export function guard({ token, port }: Door): MiddlewareHandler {
  return async (c, next) => {
    const own = ["127.0.0.1", "localhost", "[::1]"].map((name) => `${name}:${port()}`);
    const refuse = (status: 401 | 403, error: string): Response => {
      for (const [name, value] of Object.entries(headers)) c.header(name, value);
      return refusal(c, status, error);
    };
    const host = c.req.header("Host")?.toLowerCase();
    if (host === undefined || !own.includes(host))
      return refuse(403, `The studio does not answer to the name "${host ?? ""}": open ${own[0]}.`);
    const origin = c.req.header("Origin");
    if (origin !== undefined && !own.some((name) => origin === `http://${name}`))
      return refuse(403, "The studio answers to its own page only: this request comes from another.");
    const site = c.req.header("Sec-Fetch-Site");
    const isVisit = c.req.method === "GET" && c.req.header("Sec-Fetch-Mode") === "navigate";
    if (site !== undefined && site !== "same-origin" && site !== "none" && !(isVisit && c.req.path === "/"))
      return refuse(403, "The studio answers to its own page only: this request comes from another.");

    const cookie = `graft-studio-${port()}`;
    const given = c.req.query("token");
    if (given !== undefined && c.req.path === "/" && isSame(given, token)) {
      setCookie(c, cookie, token, { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 400 * 24 * 3600 });
      return c.redirect("/", 303);
    }
    if (!isSame(getCookie(c, cookie) ?? c.req.header("Authorization")?.replace(/^Bearer /, "") ?? "", token))
      return refuse(401, "The studio does not know this browser: open the link that `graft studio` printed.");
    await next();
    for (const [name, value] of Object.entries(headers)) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  };
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
