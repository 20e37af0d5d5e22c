import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Budget, createBudget } from "../base/concurrency.ts";
import { type BodyBounds, piecesOf, readBody } from "./request-bounds.ts";
import { open, startHttp, until } from "./testing.ts";

/** A server that reads bodies within limits and reports their length and the memory in use. */
async function reader(bounds: Partial<BodyBounds> = {}, budget: Budget = createBudget(1e9)) {
  const all = { maxBytes: 1e6, stallMs: 60_000, remedy: "send less", ...bounds };
  const started = await startHttp((app) => {
    app.post("/whole", async (c) => {
      const { bytes, release } = await readBody(c.env.incoming as Parameters<typeof readBody>[0], all, budget);
      const held = budget.used;
      release();
      return c.json({ length: bytes.length, sum: bytes.reduce((sum, byte) => sum + byte, 0), held });
    });
    app.post("/pieces", async (c) => {
      let length = 0;
      for await (const piece of piecesOf(c.env.incoming as Parameters<typeof readBody>[0], all)) length += piece.length;
      return c.json({ length });
    });
  });
  const post = async (path: string, body: Uint8Array | ReadableStream, headers = {}) => {
    const response = await fetch(`${started.url}${path}`, {
      method: "POST",
      body,
      headers,
      duplex: "half",
    } as RequestInit);
    return { status: response.status, answer: (await response.json()) as Record<string, number | string> };
  };
  return { ...started, post, budget };
}

const head = (path: string, ...headers: string[]): string =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`;

describe("a body", () => {
  it("is read to its end, of any length up to the bound, with and without one declared", async () => {
    const { http, post, budget } = await reader();
    for (const length of [0, 1, 65_535, 65_536, 65_537, 200_000, 1e6]) {
      const bytes = new Uint8Array(length).fill(3);
      for (const body of [bytes, new Blob([bytes]).stream()]) {
        const { status, answer } = await post("/whole", body);
        expect([status, answer.length, answer.sum], `${length}`).toEqual([200, length, 3 * length]);
        expect(Number(answer.held)).toBeLessThanOrEqual(Math.min(1e6, Math.max(2 * length, 65_536)));
        expect((await post("/pieces", bytes)).answer).toEqual({ length });
      }
    }
    expect(budget.used).toBe(0);
    await http.close(0);
  });

  it("is refused beyond the bound, declared or not: 413; packed: 415", async () => {
    const { http, post, budget } = await reader();
    const long = new Uint8Array(1e6 + 1);
    for (const path of ["/whole", "/pieces"])
      for (const body of [long, new Blob([long]).stream()]) {
        const { status, answer } = await post(path, body);
        expect([status, answer.error]).toEqual([413, "The body is longer than 1 MB: send less."]);
      }
    expect((await post("/whole", new Uint8Array(9), { "content-encoding": "gzip" })).status).toBe(415);
    expect(budget.used).toBe(0);
    await http.close(0);
  });

  it("that stops coming is given up (408), one that is cut off leaves nothing", async () => {
    const { http, port, budget } = await reader({ stallMs: 300 });
    for (const path of ["/whole", "/pieces"]) {
      const stalled = await open(port, head(path, "content-length: 100"), "half");
      await stalled.closed;
      expect(stalled.text()).toMatch(/^HTTP\/1\.1 408 [\s\S]*No data arrived for 0\.3 seconds/);
    }
    const cut = await open(port, head("/whole", "content-length: 100000"), "half");
    await until(() => budget.used > 0);
    cut.socket.destroy();
    await until(() => budget.used === 0);
    // Slow, but never silent for long: it is read.
    const slow = await open(port, head("/whole", "content-length: 8", "connection: close"));
    for (const letter of "slowly!!") {
      slow.socket.write(letter);
      await sleep(60);
    }
    await slow.closed;
    expect(slow.text()).toMatch(/^HTTP\/1\.1 200 /);
    await http.close(0);
  });

  it("ends with the signal's reason", async () => {
    const controller = new AbortController();
    const { http, port, budget } = await reader({ signal: controller.signal });
    const line = await open(port, head("/whole", "content-length: 100000"), "half");
    await until(() => budget.used > 0);
    controller.abort(new Error("a defect"));
    await until(() => line.text().includes("The test failed."));
    expect(budget.used).toBe(0);
    await http.close(0);
  });

  it("is charged as it grows, not for what it promises: 503 where all hold as much as they may", async () => {
    const { http, port, post, budget } = await reader({}, createBudget(1.5e6));
    // The client declares a hundred megabytes and sends a hundred bytes.
    const promising = await Promise.all(
      Array.from({ length: 20 }, () => open(port, head("/whole", "content-length: 999999"), "x".repeat(100))),
    );
    await until(() => budget.used === 20 * 65_536);
    const { status, answer } = await post("/whole", new Uint8Array(900_000));
    expect([status, answer.error]).toEqual([503, expect.stringContaining("as much as it can hold")]);
    expect((await post("/whole", new Uint8Array(60_000))).status).toBe(200);
    for (const { socket } of promising) socket.destroy();
    await until(() => budget.used === 0);
    expect((await post("/whole", new Uint8Array(900_000))).status).toBe(200);
    await http.close(0);
  });

  it("in chunks of one byte is charged by its bytes", async () => {
    const { http, port, budget } = await reader();
    const line = await open(
      port,
      head("/whole", "transfer-encoding: chunked", "connection: close"),
      "1\r\n\x03\r\n".repeat(300_000),
      "0\r\n\r\n",
    );
    await line.closed;
    expect(line.text()).toContain('"length":300000,"sum":900000');
    expect(Number(/"held":(\d+)/.exec(line.text())![1])).toBeLessThanOrEqual(600_000);
    expect(budget.used).toBe(0);
    await http.close(0);
  });
});
