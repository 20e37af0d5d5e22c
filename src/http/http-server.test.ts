/** The shutdown of a server, whatever clients do, and its responses to what is not valid HTTP. Bodies: request-bounds.test.ts. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HttpServer } from "./http-server.ts";
import { type Line, open, startHttp, until } from "./testing.ts";

const GET = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const head = (line: string, ...headers: string[]): string =>
  `${line} HTTP/1.1\r\n${headers.map((one) => `${one}\r\n`).join("")}\r\n`;
const statusOf = ({ text }: Line): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text())?.[1] ?? 0);

/** Far longer than an orderly shutdown takes, far shorter than the limit of a minute that the tests set. */
const SOON_MS = 20_000;
const soon = async <T>(work: Promise<T>): Promise<T> =>
  Promise.race([work, sleep(SOON_MS).then(() => Promise.reject(new Error("It did not happen soon.")))]);

describe("ending", () => {
  it("closes silent, half-sent and idle connections at once", async () => {
    const { http, port } = await startHttp((app) => app.get("/", (c) => c.text("hello")));
    const idle = await open(port, GET);
    await until(() => idle.text().endsWith("hello"));
    const silent = await Promise.all([open(port), open(port), open(port)]);
    const half = await open(port, "GET / HTTP/1.1\r\nhost: loc");
    expect(await soon(http.close(60_000))).toBe(0);
    await soon(Promise.all([idle, half, ...silent].map(({ closed }) => closed)));
    expect(http.isClosing).toBe(true);
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow();
  });

  it("answers pending requests, announces the close, and waits no longer", async () => {
    let answer: () => void = () => {};
    const may = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { http, port } = await startHttp((app) =>
      app.get("/slow", async (c) => {
        await may;
        return c.text("slow");
      }),
    );
    const line = await open(port, head("GET /slow", "host: localhost"));
    const piped = await open(port, head("GET /slow", "host: localhost"), head("GET /slow", "host: localhost"));
    await sleep(50);
    const ended = http.close(60_000);
    await sleep(50);
    answer();
    expect(await soon(ended)).toBe(0);
    await soon(Promise.all([line.closed, piped.closed]));
    expect(line.text()).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*\r\n\r\nslow$/i);
    expect(piped.text().match(/\r\n\r\nslow/g)).toHaveLength(2);
  });

  it("cuts off requests that do not end: 503 if no response has started; closes clients that do not read", async () => {
    const lots = "x".repeat(50e6);
    const { http, port } = await startHttp((app, { cutOff }) => {
      app.get("/lots", (c) => c.text(lots));
      app.post("/never", async (c) => {
        await new Promise((_, reject) => cutOff.addEventListener("abort", () => reject(cutOff.reason as Error)));
        return c.text("never");
      });
    });
    const slow = await open(port);
    slow.socket.pause();
    slow.socket.write(head("GET /lots", "host: localhost"));
    const waiting = await open(port, head("POST /never", "host: localhost", "content-length: 10"), "half");
    await sleep(100);
    // The client that waited for a response got it.
    expect(await soon(http.close(500))).toBe(1);
    await soon(waiting.closed);
    expect(statusOf(waiting)).toBe(503);
    expect(waiting.text()).toContain('{"error":"The server is shutting down: try again later."}');
    slow.socket.resume();
    await soon(slow.closed);
  });
});

describe("what is not valid HTTP", () => {
  let http: HttpServer;
  let port: number;
  beforeAll(async () => {
    const started = await startHttp(
      (app) => {
        app.get("/", (c) => c.text("hello"));
        app.post("/", async (c) => c.text(await c.req.text()));
      },
      { headersTimeoutMs: 500, requestTimeoutMs: 700 },
    );
    [http, port] = [started.http, started.port];
  });
  afterAll(() => http.close(0));

  const host = "host: localhost";
  it.each([
    ["another protocol", "\x16\x03\x01\x02hello\r\n\r\n", 400],
    ["no method", "\r\n\r\nnonsense\r\n\r\n", 400],
    ["headers that are too long", head("GET /", host, `x: ${"a".repeat(1e5)}`), 431],
    ["an address that is too long", head(`GET /${"a".repeat(1e5)}`, host), 431],
    ["a length and chunks", head("POST /", host, "content-length: 3", "transfer-encoding: chunked"), 400],
    ["two lengths", head("POST /", host, "content-length: 3", "content-length: 4"), 400],
    ["a length that is no number", head("POST /", host, "content-length: x"), 400],
    ["a chunk without a length", `${head("POST /", host, "transfer-encoding: chunked")}xyz\r\n`, 400],
    ["no host", head("GET /"), 400],
    ["an invalid host", head("GET /", "host: a b"), 400],
    ["a host with an address", head("GET /", "host: a/b"), 400],
    ["an invalid address", head("GET nonsense", host), 400],
    ["an address with a backslash", head("GET /a\\b", host), 400],
    ["an expectation", head("POST /", host, "expect: miracles", "content-length: 1"), 417],
    ["an unknown route", head("GET /none", host, "connection: close"), 404],
    ["an invalid method", head("BREW /", host), 400],
    ["a method that the route does not take", head("DELETE /", host, "connection: close"), 405],
    ["a head that does not end", "GET / HTTP/1.1\r\nhost: loc", 408],
  ])("%s: { error }, and no page can misuse it", async (_, sent, status) => {
    const line = await open(port, sent);
    await soon(line.closed);
    expect(statusOf(line)).toBe(status);
    const [headers = "", body = ""] = line.text().split("\r\n\r\n");
    expect(JSON.parse(body)).toEqual({ error: expect.stringMatching(/^[A-Z].*\.$/) });
    for (const safe of [
      /^content-type: application\/json/im,
      /^x-content-type-options: nosniff/im,
      /^x-frame-options: DENY/im,
    ])
      expect(headers).toMatch(safe);
    expect(headers).toMatch(/^content-security-policy: default-src 'none';.*frame-ancestors 'none'/im);
  });

  it("a malformed request does not write into a response that has started", async () => {
    const line = await open(port, GET);
    await until(() => line.text().endsWith("hello"));
    line.socket.write("nonsense\r\n\r\n");
    await soon(line.closed);
    expect(line.text().match(/HTTP\/1\.1 \d/g)).toHaveLength(2);
    expect(line.text()).toMatch(/hello(?=HTTP\/1\.1 400)/);
  });

  it("no header is dropped because there are many", async () => {
    const line = await open(port, head("GET /", ...Array(6000).fill("x: y"), host, "connection: close"));
    await soon(line.closed);
    expect(statusOf(line)).toBe(200);
  });

  it("a client that asks first learns it before it sends", async () => {
    const ask = (length: number) => head("POST /", host, `content-length: ${length}`, "expect: 100-continue");
    const small = await open(port, ask(5));
    await until(() => small.text().startsWith("HTTP/1.1 100 Continue"));
    small.socket.write("hello");
    await until(() => small.text().endsWith("hello"));
    expect(small.text()).toContain("HTTP/1.1 200");
    const large = await open(port, ask(1e9));
    await sleep(100);
    expect(large.text()).not.toContain("100 Continue");
    large.socket.destroy();
    small.socket.destroy();
  });
});
