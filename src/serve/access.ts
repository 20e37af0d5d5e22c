/**
 * Who may ask: the Host check against DNS rebinding, the Origin check against pages of other sites, the bearer token. Each
 * throws a {@link Refusal}; none looks at the body.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { usageError } from "../base/errors.ts";
import { Refusal } from "./refusal.ts";

/** Whether an address to bind to can only be reached from this machine. */
export const isLoopback = (address: string): boolean =>
  address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);

export interface AccessRules {
  /** The address that the server is bound to. */
  readonly address: string;
  /** Further names that a Host header may give, as of a proxy in front. */
  readonly allowedHosts: readonly string[];
  /** Origins whose pages may ask: `https://example.org`. */
  readonly origins: readonly string[];
  /** Without it a request is refused; nothing is required where it is absent. */
  readonly token: string | undefined;
}

/** Checks of one server. Header values are as they came, `undefined` where there was none. */
export interface Access {
  /** On loopback a Host header must name this machine: a page's own name that was made to point here is refused (421). */
  checkHost(host: string | undefined): void;
  /** A browser tells which page asks: it must be one from here, or of an origin that was let in (403). */
  checkOrigin(origin: string | undefined, host: string | undefined): void;
  /** (401) */
  checkToken(authorization: string | undefined): void;
}

/**
 * @throws GraftError (`usage`) where the server could be reached from elsewhere and no token is set
 */
export function createAccess({ address, allowedHosts, origins, token }: AccessRules): Access {
  if (!isLoopback(address) && token === undefined) {
    throw usageError(
      `Bound to ${address} the server can be reached from other machines: give a token with --token-file or GRAFT_TOKEN, or leave --host out.`,
    );
  }
  const names = new Set(
    ["localhost", "127.0.0.1", "[::1]", address, ...allowedHosts].map((name) => name.toLowerCase()),
  );
  const isHostChecked = isLoopback(address);
  const wanted = token === undefined ? undefined : digest(`Bearer ${token}`);
  return {
    checkHost(host) {
      if (!isHostChecked) return;
      const name = (host ?? "").toLowerCase().replace(/:\d*$/, "");
      if (names.has(name)) return;
      throw new Refusal(
        421,
        `This server answers to localhost only: the Host header says otherwise (--allow-host lets a name in).`,
      );
    },
    checkOrigin(origin, host) {
      if (origin === undefined || origins.includes(origin)) return;
      if (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()) return;
      throw new Refusal(
        403,
        "Pages of another origin may not ask this server: start it with --cors ORIGIN to let one in.",
      );
    },
    checkToken(authorization) {
      if (wanted === undefined) return;
      const given = digest((authorization ?? "").replace(/^bearer\s+/i, "Bearer "));
      if (timingSafeEqual(given, wanted)) return;
      throw new Refusal(401, "This server asks for a token: send it as `Authorization: Bearer TOKEN`.", {
        "www-authenticate": "Bearer",
      });
    },
  };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
