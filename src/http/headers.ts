/** Headers that every response carries, so that a browser does nothing with it that was not meant. */
import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";

/** Sources by directive, as `{ defaultSrc: ["'self'"] }`. */
export type ContentPolicy = NonNullable<NonNullable<Parameters<typeof secureHeaders>[0]>["contentSecurityPolicy"]>;
type PermissionsPolicy = NonNullable<NonNullable<Parameters<typeof secureHeaders>[0]>["permissionsPolicy"]>;

/** For responses that are no pages: nothing may be loaded, run, sent or framed. */
export const dataPolicy: ContentPolicy = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** Sets them; a policy that a route has set itself stays. No HSTS: a proxy that adds TLS is the one to ask for it. */
export const safeHeaders = (
  contentSecurityPolicy: ContentPolicy = dataPolicy,
  permissionsPolicy: PermissionsPolicy = {},
): MiddlewareHandler =>
  secureHeaders({
    contentSecurityPolicy,
    permissionsPolicy,
    xFrameOptions: "DENY",
    strictTransportSecurity: false,
    overwrite: false,
  });

/** The same for responses that no route made: to what is not HTTP, or has no valid address. */
export const plainSafeHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
};
