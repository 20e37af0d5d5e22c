/**
 * Who may use the studio. Everything here is in this process's memory and ends with it: nothing secret is on a disk.
 *
 * The printed link has a token. A browser exchanges it once for a session, which has two halves. The cookie cannot be read
 * by scripts, but browsers send it to every port of 127.0.0.1. The key is in the storage of the page's origin, which no
 * other port can read, and is sent as a header. Each is worthless without the other. Downloads cannot send a header: they
 * use a link that is signed for one path, one session and two minutes. Programs send the token itself as a bearer token.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** One browser that was let in. */
export interface Session {
  /** The cookie's value. */
  readonly id: string;
  /** The header's value. */
  readonly key: string;
}

/** What a request brings. */
export interface Credentials {
  /** Values of all cookies with the session's name: a page on another port can add one of that name. */
  readonly cookies: readonly string[];
  readonly key: string | undefined;
  /** `Authorization: Bearer …` */
  readonly bearer: string | undefined;
}

export interface Sessions {
  /** Of the link that is printed. */
  readonly token: string;
  /** The browser's session for a valid token: the one that it has, else a new one. */
  enter(token: string, cookies: readonly string[]): Session | undefined;
  /** Whether a request may be answered. */
  admits(credentials: Credentials): boolean;
  /** Signs a path of this server for the browser that asks, so that it opens without a header. Nothing without a session. */
  sign(path: string, credentials: Credentials): string | undefined;
  /** Whether `url` (path and query) is a link that {@link sign} made for the browser that has these cookies. */
  opens(url: string, cookies: readonly string[]): boolean;
}

/** Bytes of each secret. */
const SECRET_BYTES = 32;
/** Browsers at once; the one that entered first is forgotten beyond. */
const MOST = 32;
/** Milliseconds within which a signed link must be opened. */
const LINK_AGE = 120_000;

const secret = (): string => randomBytes(SECRET_BYTES).toString("hex");

/** @param now milliseconds of a clock that does not go back; default `performance.now` */
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
