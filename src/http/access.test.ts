import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import {
  type Access,
  type AccessRules,
  checkTokenForm,
  createAccess,
  isLoopback,
  type Provenance,
  requireTokenBeyondLoopback,
  tokenGuard,
} from "./access.ts";
import { refusalOf, refuse } from "./responses.ts";

const remedies = { host: "use --allow-host", origin: "use --cors" };
const access = (rules: Partial<AccessRules> = {}): Access => createAccess({ address: "127.0.0.1", remedies, ...rules });
const refusal = (status: number) => expect.objectContaining({ name: "Refusal", status });

describe("the address", () => {
  it("is this machine's own, or needs a token", () => {
    for (const address of ["127.0.0.1", "127.9.9.9", "localhost", "::1"]) {
      expect(isLoopback(address), address).toBe(true);
      expect(() => requireTokenBeyondLoopback(address, undefined)).not.toThrow();
    }
    for (const address of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example", "example.org"]) {
      expect(isLoopback(address), address).toBe(false);
      expect(() => requireTokenBeyondLoopback(address, undefined)).toThrow("set a token with --token-file");
      expect(() => requireTokenBeyondLoopback(address, "t")).not.toThrow();
    }
  });
});

describe("the Host header", () => {
  it("names this machine with any port, or an allowed name", () => {
    const { checkHost } = access({ allowedHosts: ["Graft.example"] });
    for (const host of ["localhost", "localhost:80", "127.0.0.1:9", "[::1]", "[::1]:9", "graft.example:443"])
      expect(() => checkHost(host), host).not.toThrow();
    for (const host of [undefined, "", "evil.example", "localhost.evil.example", "evil.example:80:localhost", "::1x"])
      expect(() => checkHost(host), host).toThrow(refusal(421));
  });

  it("names the port too, where only one is right", () => {
    const { checkHost } = access({ port: () => 4747 });
    for (const host of ["localhost:4747", "[::1]:4747"]) expect(() => checkHost(host), host).not.toThrow();
    for (const host of ["localhost", "localhost:", "localhost:80", "[::1]"])
      expect(() => checkHost(host), host).toThrow(refusal(421));
  });

  it("is not looked at on an address that others can reach: the token guards it", () => {
    expect(() => access({ address: "0.0.0.0" }).checkHost("any.example")).not.toThrow();
  });
});

describe("the origin", () => {
  const check = ({ checkOrigin }: Access, given: Partial<Provenance>, method = "GET", path = "/") =>
    checkOrigin(
      { host: "localhost:8000", origin: undefined, site: undefined, mode: undefined, ...given },
      method,
      path,
    );

  it("is absent, the server's own, or allowed", () => {
    const own = access({ origins: ["https://a.example"] });
    for (const origin of [undefined, "http://localhost:8000", "https://localhost:8000", "https://a.example"])
      expect(() => check(own, { origin }), origin).not.toThrow();
    for (const origin of ["null", "", "https://b.example", "http://localhost:8001", "http://a.example"])
      expect(() => check(own, { origin }), origin).toThrow(refusal(403));
  });

  it("is known from Sec-Fetch-Site if a browser sends no Origin; a link may lead to a page", () => {
    const own = access({ isPage: (path) => path === "/docs" });
    for (const site of [undefined, "same-origin", "none"]) expect(() => check(own, { site }), site).not.toThrow();
    for (const site of ["cross-site", "same-site", "nonsense"]) {
      expect(() => check(own, { site, mode: "no-cors" }, "GET", "/docs"), site).toThrow(refusal(403));
      expect(() => check(own, { site, mode: "navigate" }, "GET", "/docs"), site).not.toThrow();
      expect(() => check(own, { site, mode: "navigate" }, "POST", "/docs"), site).toThrow(refusal(403));
      expect(() => check(own, { site, mode: "navigate" }, "GET", "/metrics"), site).toThrow(refusal(403));
    }
  });
});

describe("the token", () => {
  it("is asked for on every path that is not open, except in a preflight", async () => {
    const app = new Hono<{ Bindings: HttpBindings }>();
    app.use(tokenGuard("secret-enough-0123", (path) => path === "/health"));
    app.all("*", (c) => c.text("in"));
    app.onError((error, c) => refuse(c, refusalOf(error)!));
    const ask = async (authorization: string | undefined, path = "/", method = "GET") =>
      (await app.request(path, { method, headers: authorization === undefined ? {} : { authorization } })).status;
    for (const given of ["Bearer secret-enough-0123", "bearer  secret-enough-0123"]) expect(await ask(given)).toBe(200);
    for (const given of [
      undefined,
      "",
      "secret-enough-0123",
      "Bearer",
      "Bearer Secret-enough-0123",
      "Basic secret-enough-0123",
    ])
      expect(await ask(given), given).toBe(401);
    expect([await ask(undefined, "/health"), await ask(undefined, "/", "OPTIONS")]).toEqual([200, 200]);
    const response = await app.request("/");
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(await response.json()).toEqual({ error: expect.stringContaining("Authorization: Bearer TOKEN") });
  });

  it("must be long, and of characters that a header can carry", () => {
    for (const token of ["0123456789abcdef", "a.b-c_d~e+f/0123=="])
      expect(() => checkTokenForm(token, "x")).not.toThrow();
    for (const token of ["", "0123456789abcde", "0123456789 abcdef", "0123456789\nabcdef", "0123456789äbcdef"])
      expect(() => checkTokenForm(token, "the file"), token).toThrow("The token in the file must have at least 16");
  });
});
