import { describe, expect, it } from "vitest";
import { type AccessRules, createAccess, isLoopback } from "./access.ts";

const access = (rules: Partial<AccessRules> = {}) =>
  createAccess({ address: "127.0.0.1", allowedHosts: [], origins: [], token: undefined, ...rules });
const refusal = (status: number) => expect.objectContaining({ name: "Refusal", status });

describe("the address", () => {
  it("is this machine's own, or needs a token", () => {
    for (const address of ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
      expect(isLoopback(address), address).toBe(true);
    for (const address of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example", "example.org"]) {
      expect(isLoopback(address), address).toBe(false);
      expect(() => access({ address })).toThrow("give a token");
      expect(() => access({ address, token: "t" })).not.toThrow();
    }
  });
});

describe("the Host header", () => {
  it("names this machine with any port, or a name that was let in", () => {
    const { checkHost } = access({ allowedHosts: ["Graft.example"] });
    for (const host of ["localhost", "localhost:80", "127.0.0.1:9", "[::1]", "[::1]:9", "graft.example:443"])
      expect(() => checkHost(host), host).not.toThrow();
    for (const host of [undefined, "", "evil.example", "localhost.evil.example", "evil.example:80:localhost", "::1x"])
      expect(() => checkHost(host), host).toThrow(refusal(421));
  });

  it("is not looked at on an address that others can reach: the token guards it", () => {
    expect(() => access({ address: "0.0.0.0", token: "t" }).checkHost("any.example")).not.toThrow();
  });
});

describe("the Origin header", () => {
  it("is absent, the server's own, or one that was let in", () => {
    const { checkOrigin } = access({ origins: ["https://a.example"] });
    for (const origin of [undefined, "http://localhost:8000", "https://localhost:8000", "https://a.example"])
      expect(() => checkOrigin(origin, "localhost:8000"), origin).not.toThrow();
    for (const origin of ["null", "", "https://b.example", "http://localhost:8001", "http://a.example"])
      expect(() => checkOrigin(origin, "localhost:8000"), origin).toThrow(refusal(403));
  });
});

describe("the token", () => {
  it("is asked for where there is one", () => {
    const { checkToken } = access({ token: "secret" });
    for (const given of ["Bearer secret", "bearer  secret"]) expect(() => checkToken(given)).not.toThrow();
    for (const given of [undefined, "", "secret", "Bearer", "Bearer secret ", "Bearer Secret", "Basic secret"])
      expect(() => checkToken(given), given).toThrow(refusal(401));
    expect(() => access().checkToken(undefined)).not.toThrow();
  });
});
