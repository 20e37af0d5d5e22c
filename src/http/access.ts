/**
 * Access checks: the Host header (against DNS rebinding), the origin of a browser's request, and the bearer token. Each throws
 * a {@link Refusal}; none reads the body. Sessions and cookies are in studio/.
 *
 * hono's `csrf` is not used: it lets foreign pages send JSON and GET requests, and does not know this server's host names.
 */
import type { HttpBindings } from "@hono/node-server";
import type { MiddlewareHandler } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { usageError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import { Refusal } from "./responses.ts";

/** Whether a listening address can only be reached from this machine. */
export const isLoopback = (address: string): boolean =>
  address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);

export interface AccessRules {
  /** The address that the server listens on. */
  readonly address: string;
  /** Additional names for the Host header, such as a proxy's. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** If given, the Host header must also name this port. */
  readonly port?: (() => number) | undefined;
  /** Origins whose pages have access besides the server's own: `https://example.org`. */
  readonly origins?: readonly string[] | undefined;
  /** Whether a link on any site may lead to this path; default: no path. */
  readonly isPage?: ((path: string) => boolean) | undefined;
  /** How to allow another host name and another origin: the ends of the error sentences. */
  readonly remedies: { readonly host: string; readonly origin: string };
}

/** The headers that say where a request comes from; `undefined` if missing. */
export interface Provenance {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site` and `Sec-Fetch-Mode`, which a page cannot change. */
  readonly site: string | undefined;
  readonly mode: string | undefined;
}

/** Checks of one server. */
export interface Access {
  /** On loopback, the Host header must name this machine: a page's own name that resolves to this machine is refused (421). */
  checkHost(host: string | undefined): void;
  /** A browser's request must come from a page of this server or of an allowed origin (403). */
  checkOrigin(given: Provenance, method: string, path: string): void;
}

export function createAccess(rules: AccessRules): Access {
  const { address, allowedHosts = [], origins = [], isPage = () => false, remedies } = rules;
  const names = new Set(
    ["localhost", "127.0.0.1", "[::1]", address, ...allowedHosts].map((name) => name.toLowerCase()),
  );
  const isHostChecked = isLoopback(address);
  return {
    checkHost(host) {
      if (!isHostChecked) return;
      const [, name = "", port] = /^(.*?)(?::(\d*))?$/.exec((host ?? "").toLowerCase()) ?? [];
      if (names.has(name) && (rules.port === undefined || Number(port || 80) === rules.port())) return;
      throw new Refusal(421, `This server accepts only localhost in the Host header: ${remedies.host}.`);
    },
    checkOrigin({ host, origin, site, mode }, method, path) {
      const isOwn = origin !== undefined && URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
      if (isOwn || (origin !== undefined && origins.includes(origin))) return;
      // Without an Origin, a browser still sends Sec-Fetch-Site; other clients send neither.
      const isForeign = site !== undefined && site !== "same-origin" && site !== "none";
      const isVisit = (method === "GET" || method === "HEAD") && mode === "navigate" && isPage(path);
      if (origin === undefined && (!isForeign || isVisit)) return;
      throw new Refusal(403, `Pages of other origins have no access to this server: ${remedies.origin}.`);
    },
  };
}

/** Lets a request through if its Host and its origin are allowed. */
export function accessGuard(access: Access): MiddlewareHandler<{ Bindings: HttpBindings }> {
  return async (c, next) => {
    const { host, origin, ...headers } = c.env.incoming.headers;
    access.checkHost(host);
    const [site, mode] = [headers["sec-fetch-site"], headers["sec-fetch-mode"]].map((value) => value?.toString());
    access.checkOrigin({ host, origin, site, mode }, c.req.method, c.req.path);
    await next();
  };
}

/** The characters of a bearer token: RFC 6750, section 2.1. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const MIN_TOKEN_LENGTH = 16;

/**
 * Checks a token that a user chose.
 *
 * @param source where the token is from, for error messages
 * @throws GraftError (`usage`) if it could be guessed or could not be sent
 */
export function checkTokenForm(token: string, source: string): void {
  if (TOKEN.test(token) && token.length >= MIN_TOKEN_LENGTH) return;
  throw usageError(
    `The token in ${source} must have at least ${MIN_TOKEN_LENGTH} characters, only letters, digits and -._~+/: make one with \`openssl rand -hex 32\`.`,
  );
}

/**
 * Lets a request through if it carries the token (401). A preflight cannot carry one.
 *
 * @param isOpen paths that need no token
 */
export function tokenGuard(token: string, isOpen: (path: string) => boolean): MiddlewareHandler {
  const message = (): never => {
    throw new Refusal(401, "This server requires a token: send it as `Authorization: Bearer TOKEN`.", {
      "www-authenticate": "Bearer",
    });
  };
  const refusing = { message };
  const check = bearerAuth({
    token,
    // Synchronous: a client that has closed its half of the connection gets a response only in the same turn.
    hashFunction: sha256,
    noAuthenticationHeader: refusing,
    invalidAuthenticationHeader: refusing,
    invalidToken: refusing,
  });
  return (c, next) => (c.req.method === "OPTIONS" || isOpen(c.req.path) ? next() : check(c, next));
}

/** @throws GraftError (`usage`) if other machines can reach the server and there is no token */
export function requireTokenBeyondLoopback(address: string, token: string | undefined): void {
  if (isLoopback(address) || token !== undefined) return;
  throw usageError(
    `On ${address}, other machines can reach the server: set a token with --token-file or GRAFT_TOKEN, or leave out --host.`,
  );
}
