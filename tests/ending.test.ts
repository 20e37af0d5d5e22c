/** `graft serve` and `graft studio` end in bounded time after a signal, whatever connections are open. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { spawnStudio } from "../src/studio/testing.ts";
import { tinyArtifact } from "./support/artifact.ts";
import { temporaryFolder } from "./support/cli.ts";
import { drawShape, encode } from "./support/pictures.ts";
import { startServe } from "./support/serve.ts";

const work = temporaryFolder();
const model = join(work, "tiny.onnx");
const slow = join(work, "slow.onnx");
let picture: Buffer;

/** Without a time limit, these tests took longer than this, or for ever; with it they take a fraction, even on a busy machine. */
const BOUND_MS = 15_000;

const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

/** A connection that sends this much and then nothing, and optionally reads nothing. */
async function hold(port: number, sent: string, reads = true): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  sockets.add(socket);
  socket.on("error", () => {});
  if (reads) socket.resume();
  await new Promise<void>((done) => socket.on("connect", done));
  socket.write(sent);
  return socket;
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Milliseconds from a signal to the end. */
async function timeToEnd(signal: () => void, ended: Promise<unknown>): Promise<number> {
  const began = performance.now();
  signal();
  await ended;
  return performance.now() - began;
}

beforeAll(async () => {
  writeFileSync(model, await tinyArtifact(join(work, "scratch.onnx")));
  writeFileSync(slow, await tinyArtifact(join(work, "scratch.onnx"), 3, 60));
  picture = await encode(drawShape("circle", 64, 48, 1), "jpeg");
});

describe("graft serve", () => {
  const head = (...lines: string[]): string =>
    `POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;

  /** The status that a form with so many images gets; 0 where the connection was closed. */
  const ask = (url: string, images: number): Promise<number> => {
    const body = new FormData();
    for (let i = 0; i < images; i++) body.append("image", new Blob([new Uint8Array(picture)]), `${i}.jpg`);
    return fetch(`${url}/predict`, { method: "POST", body }).then(
      ({ status }) => status,
      () => 0,
    );
  };

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s with three silent connections: it ends at once, with 0",
    async (signal) => {
      const server = await startServe([model, "--grace", "60s"]);
      for (let i = 0; i < 3; i++) await hold(server.port, "");
      await pause(100);
      expect(await timeToEnd(() => server.signal(signal), server.ended)).toBeLessThan(BOUND_MS);
      expect(await server.ended).toBe(0);
    },
  );

  test("with every kind of stubborn client: those who wait are answered, the rest is cut off in time", async () => {
    const server = await startServe([slow, "--max-batch", "1", "--grace", "4s"]);
    // A head that stays half, a body that stays half, one that comes drop by drop, a page that is not read, one that is kept open.
    await hold(server.port, "POST /predict HTTP/1.1\r\nhost: loc");
    await hold(server.port, `${head("content-length: 1000")}half`);
    const drop = await hold(server.port, head("transfer-encoding: chunked"));
    const drops = setInterval(() => drop.write("1\r\nx\r\n"), 50);
    await hold(server.port, "GET /docs HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(500), false);
    await hold(server.port, "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await pause(300);
    const asked = Array.from({ length: 12 }, () => ask(server.url, 6));
    while (!/queue_images [3-9]\d/.test(await (await fetch(`${server.url}/metrics`)).text()));
    expect(await timeToEnd(() => server.signal(), server.ended)).toBeLessThan(BOUND_MS);
    clearInterval(drops);
    for (const status of await Promise.all(asked)) expect(status).toBe(200);
    expect(await server.ended).toBe(0);
    expect(server.log.at(-1)).toMatchObject({ event: "closed" });
  });

  test("an end that hangs is forced when its time is over", async () => {
    // A run of a hundred images, one after the other, cannot be given up by the thread that makes it.
    const server = await startServe([slow, "--max-batch", "100", "--max-queue", "400", "--grace", "1s"]);
    const asked = Array.from({ length: 6 }, () => ask(server.url, 60));
    while (!/queue_images [1-9]/.test(await (await fetch(`${server.url}/metrics`)).text()));
    expect(await timeToEnd(() => server.signal(), server.ended)).toBeLessThan(BOUND_MS);
    for (const status of await Promise.all(asked)) expect([0, 200, 503]).toContain(status);
  });
});

describe("graft studio", () => {
  test("SIGTERM with silent, half-sent and waiting connections: it ends in time", async () => {
    const folder = mkdtempSync(join(tmpdir(), "graft-studio-"));
    const studio = await spawnStudio(folder, ["--grace", "4s"]);
    const port = Number(new URL(studio.url).port);
    const head = (line: string, ...more: string[]): string =>
      `${[`${line} HTTP/1.1`, `host: 127.0.0.1:${port}`, `authorization: Bearer ${studio.token}`, ...more].join("\r\n")}\r\n\r\n`;
    for (let i = 0; i < 3; i++) await hold(port, "");
    await hold(port, "GET / HTTP/1.1\r\nhos");
    await hold(port, head("GET /api/events"));
    await hold(port, head("GET /").repeat(500), false);
    await hold(port, `${head("POST /api/archives", "content-length: 1000000")}half`);
    await pause(300);
    expect(await timeToEnd(() => {}, studio.end())).toBeLessThan(BOUND_MS);
    // Incomplete uploads are gone.
    expect(() => readFileSync(join(folder, ".graft", "incoming"))).toThrow();
  });
});
