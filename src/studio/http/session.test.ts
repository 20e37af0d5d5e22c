/** Access to the studio: the link, the session and its two halves, signed links; and refusals for everyone else. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Entry, ErrorBody, SignedLink } from "../api.ts";
import { type Answer, type AskOptions, posting, startStudio, type TestStudio } from "../testing.ts";
import { createSessions } from "./session.ts";

describe("sessions", () => {
  const nothing = { cookies: [], key: undefined, bearer: undefined };

  it("need the token, the whole token", () => {
    const sessions = createSessions();
    for (const wrong of ["", "0", sessions.token.slice(0, -1), `${sessions.token}0`, sessions.token.toUpperCase()])
      expect(sessions.enter(wrong, []), wrong).toBeUndefined();
    expect(sessions.admits({ ...nothing, bearer: sessions.token })).toBe(true);
    expect(sessions.admits(nothing)).toBe(false);
  });

  it("are two halves, of which neither is worth anything without the other, nor in the other's place", () => {
    const sessions = createSessions();
    const [one, other] = [sessions.enter(sessions.token, [])!, sessions.enter(sessions.token, [])!];
    expect(sessions.admits({ ...nothing, cookies: [one.id], key: one.key })).toBe(true);
    for (const halves of [
      { cookies: [one.id] },
      { key: one.key },
      { bearer: one.key },
      { bearer: one.id },
      { cookies: [one.key], key: one.id },
      { cookies: [one.id], key: other.key },
      { cookies: [one.id], key: sessions.token },
      { cookies: [sessions.token], key: sessions.token },
    ])
      expect(sessions.admits({ ...nothing, ...halves }), JSON.stringify(halves)).toBe(false);
  });

  it("are one a browser, and found beside a cookie of that name which another port set", () => {
    const sessions = createSessions();
    const one = sessions.enter(sessions.token, [])!;
    expect(sessions.enter(sessions.token, ["planted", one.id])).toEqual(one);
    expect(sessions.admits({ ...nothing, cookies: ["planted", one.id], key: one.key })).toBe(true);
  });

  it("do not outlive their process, nor open another's", () => {
    const [before, after] = [createSessions(), createSessions()];
    const { id, key } = before.enter(before.token, [])!;
    expect(after.admits({ ...nothing, cookies: [id], key })).toBe(false);
    expect(after.enter(before.token, [id])).toBeUndefined();
  });

  it("are bounded in number", () => {
    const sessions = createSessions();
    const all = Array.from({ length: 40 }, () => sessions.enter(sessions.token, [])!);
    const known = all.map(({ id, key }) => sessions.admits({ ...nothing, cookies: [id], key }));
    expect([known.filter(Boolean).length, known[0], known[39]]).toEqual([32, false, true]);
  });

  it("sign links for one path, one browser and two minutes", () => {
    let time = 0;
    const sessions = createSessions(() => time);
    const [one, other] = [sessions.enter(sessions.token, [])!, sessions.enter(sessions.token, [])!];
    const mine = { ...nothing, cookies: [one.id], key: one.key };
    for (const path of ["/api/runs/1/page", "/api/runs/1/files/report.html?view"]) {
      time = 0;
      const link = sessions.sign(path, mine)!;
      expect(sessions.opens(link, [one.id])).toBe(true);
      expect(sessions.opens(link, [])).toBe(false);
      expect(sessions.opens(link, [other.id])).toBe(false);
      expect(sessions.opens(link.replace("runs/1", "runs/2"), [one.id])).toBe(false);
      expect(sessions.opens(link.replace("?view&", "?"), [one.id])).toBe(!path.includes("view"));
      expect(sessions.opens(link.replace(/ticket=\d+/, "ticket=99999999"), [one.id])).toBe(false);
      expect(sessions.opens(path, [one.id])).toBe(false);
      time = 121_000;
      expect(sessions.opens(link, [one.id])).toBe(false);
    }
    expect(sessions.sign("/x", { ...mine, key: other.key })).toBeUndefined();
    expect(sessions.sign("/x", { ...nothing, bearer: sessions.token })).toBeUndefined();
  });
});

describe("the studio", () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await startStudio();
  });
  afterAll(() => studio.close());

  const errorOf = ({ body }: Answer): string => (JSON.parse(body) as ErrorBody).error;
  const anyone = (path: string, options: AskOptions = {}): Promise<Answer> =>
    studio.ask(path, { ...options, known: false });
  const enter = (token = studio.token, headers = {}): Promise<Answer> => {
    const options = posting({ token });
    return anyone("/api/session", { ...options, headers: { ...options.headers, ...headers } });
  };
  /** A browser that has opened the link. */
  const browser = async (): Promise<{ readonly cookie: string; readonly key: string }> => {
    const { status, headers, body } = await enter();
    expect(status).toBe(200);
    return { cookie: headers["set-cookie"]![0]!.split(";")[0]!, key: (JSON.parse(body) as Entry).key };
  };

  it("gives its page to anyone, and an answer to no one without a session", async () => {
    expect((await anyone("/")).status).toBe(200);
    for (const path of [
      "/api/project",
      "/api/events",
      "/api/runs",
      "/api/nothing",
      "/api",
      "/%61pi/project",
      "/api/../api/project",
      "/x/../api/project",
      "//api/project",
    ])
      expect([401, 404], path).toContain((await anyone(path)).status);
    const refused = await anyone("/api/project");
    expect([refused.status, errorOf(refused)]).toEqual([401, expect.stringContaining("open the link")]);
    expect((await anyone("/api/project", { headers: { Authorization: "Bearer x" } })).status).toBe(401);
    expect((await anyone("/api/classes", posting({ name: "x" }))).status).toBe(401);
    expect((await anyone("/", { method: "POST", body: "x" })).status).toBe(401);
  });

  it("takes no token from an address: it would be in logs and histories", async () => {
    expect((await anyone(`/api/project?token=${studio.token}`)).status).toBe(401);
    const { headers } = await anyone(`/?token=${studio.token}`);
    expect(headers["set-cookie"]).toBeUndefined();
  });

  it("exchanges the link's token for a cookie that ends with the browser and a key that no cookie jar has", async () => {
    const { headers, body } = await enter();
    const [cookie] = headers["set-cookie"]!;
    expect(cookie).toMatch(
      new RegExp(`^graft-studio-${studio.port}=[0-9a-f]{64}; Path=/api; HttpOnly; SameSite=Strict$`),
    );
    expect(cookie).not.toContain(studio.token);
    expect(cookie).not.toContain((JSON.parse(body) as Entry).key);
    expect(headers["cache-control"]).toBe("no-store");
    for (const token of ["", "0000", `${studio.token} `]) expect((await enter(token)).status).toBe(401);
  });

  it("answers a browser with both halves; a cookie that another port of this machine was sent is worth nothing", async () => {
    const { cookie, key } = await browser();
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await anyone("/api/project", { headers })).status;
    expect(await status({ Cookie: cookie, "Graft-Key": key })).toBe(200);
    expect(await status({ Cookie: cookie })).toBe(401);
    expect(await status({ "Graft-Key": key })).toBe(401);
    expect(await status({ Cookie: cookie, Authorization: `Bearer ${key}` })).toBe(401);
    // A cookie of the same name, set by a server on another port, comes first.
    expect(await status({ Cookie: `graft-studio-${studio.port}=planted; ${cookie}`, "Graft-Key": key })).toBe(200);
  });

  it("lets a browser download by a link that was signed for it, and by nothing else", async () => {
    const { cookie, key } = await browser();
    const path = "/api/runs/20260101-000000/files/model.onnx";
    const link = async (of: string): Promise<Answer> => {
      const options = posting({ path: of });
      return anyone("/api/links", { ...options, headers: { ...options.headers, Cookie: cookie, "Graft-Key": key } });
    };
    const { url } = JSON.parse((await link(path)).body) as SignedLink;
    // There is no such run, but this error needs access.
    expect((await anyone(url, { headers: { Cookie: cookie } })).status).toBe(400);
    expect((await anyone(url)).status).toBe(401);
    expect((await anyone(url, { method: "DELETE", headers: { Cookie: cookie } })).status).toBe(401);
    expect(errorOf(await anyone(url.replace("model", "other"), { headers: { Cookie: cookie } }))).toContain("expired");
    for (const other of ["/api/project", "/api/runs/x/../../project", "https://evil.example/", `${path}?x`, ""])
      expect((await link(other)).status, other).toBe(400);
  });

  it.each([
    ["another site's page", { Origin: "https://evil.example" }],
    ["another port of this machine", { Origin: "http://127.0.0.1:1" }],
    ["a page that came by another name", { Origin: "http://localhost:{port}" }],
    ["a page without an origin", { Origin: "null" }],
    ["a picture in another site's page", { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" }],
    ["a form on another port", { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate" }],
  ])("%s: 403, though it has all that there is to have", async (_, template) => {
    const { cookie, key } = await browser();
    const own = JSON.parse(JSON.stringify(template).replace("{port}", `${studio.port}`)) as Record<string, string>;
    const headers = { ...own, Cookie: cookie, "Graft-Key": key };
    for (const path of ["/api/project", "/api/events"]) expect((await studio.ask(path, { headers })).status).toBe(403);
    const post = { ...posting({ name: "evil" }), headers: { ...posting({}).headers, ...headers } };
    expect((await studio.ask("/api/classes", post)).status).toBe(403);
    expect((await enter(studio.token, own)).status).toBe(403);
  });

  it.each(["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1.evil.example:{port}"])(
    "a name that was made to point here (Host %j): 421, for the page too",
    async (name) => {
      const headers = { Host: name.replace("{port}", `${studio.port}`) };
      for (const path of ["/", "/api/project"]) expect((await studio.ask(path, { headers })).status).toBe(421);
    },
  );

  it("a request without a name: 400", async () => {
    const socket = connect(studio.port, "127.0.0.1");
    socket.write("GET /api/project HTTP/1.0\r\n\r\n");
    const [first] = (await socket.toArray()) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1.1 400/);
  });

  it("a form's content type is not taken for JSON, so that no form can change a thing", async () => {
    const headers = { "Content-Type": "text/plain" };
    const { status } = await studio.ask("/api/classes", { method: "POST", headers, body: '{"name":"evil"}' });
    expect(status).toBe(415);
  });

  it("every answer forbids what the page does not need", async () => {
    for (const [path, known] of [
      ["/", true],
      ["/api/project", true],
      ["/nowhere", true],
      ["/api/runs/x", true],
      ["/api/project", false],
    ] as const) {
      const { headers } = await studio.ask(path, { known });
      expect(headers["content-security-policy"], path).toMatch(/^default-src 'self'.*frame-ancestors 'none'/);
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
      expect(headers["referrer-policy"]).toBe("no-referrer");
    }
  });

  it("writes no secret to the disk", async () => {
    const { cookie, key } = await browser();
    await studio.json("/api/classes", posting({ name: "bee" }));
    const secrets = [studio.token, key, cookie.split("=")[1]!];
    for (const name of readdirSync(studio.folder, { recursive: true }) as string[]) {
      const path = join(studio.folder, name);
      if (statSync(path).isFile())
        for (const one of secrets) expect(readFileSync(path, "utf8"), name).not.toContain(one);
    }
  });
});
