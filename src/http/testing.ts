/** Servers and sockets for tests of http/ and of the servers that use it. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { createHttpServer, type HttpOptions, type HttpServer } from "./http-server.ts";
import { answerFaults, Refusal, safeHeaders } from "./responses.ts";

type App = Hono<{ Bindings: HttpBindings }>;

/** A server on a free port with the kit's middleware and what `route` adds. */
export async function startHttp(
  route: (app: App, http: HttpServer) => void,
  options: Partial<HttpOptions> = {},
): Promise<{ readonly http: HttpServer; readonly url: string; readonly port: number }> {
  const http = createHttpServer({
    address: "127.0.0.1",
    port: 0,
    headersTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    keepAliveMs: 60_000,
    maxConnections: 1000,
    maxBodyBytes: 1e6,
    ...options,
  });
  const app: App = new Hono();
  app.use(safeHeaders());
  answerFaults(app, { seeAlso: "see the test", onDefect: () => new Refusal(500, "The test failed.") });
  route(app, http);
  const url = await http.listen(app.fetch);
  return { http, url, port: Number(new URL(url).port) };
}

/** A connection, the text it has received, and whether it was closed. */
export interface Line {
  readonly socket: Socket;
  readonly text: () => string;
  readonly closed: Promise<void>;
}

/** Opens a connection and sends something, or nothing. */
export async function open(port: number, ...sent: readonly (string | Uint8Array)[]): Promise<Line> {
  const socket = connect({ host: "127.0.0.1", port });
  let text = "";
  socket.setEncoding("latin1").on("data", (more: string) => {
    text += more;
  });
  socket.on("error", () => {});
  const closed = new Promise<void>((done) => socket.on("close", () => done()));
  await new Promise<void>((done) => socket.on("connect", done));
  for (const part of sent) socket.write(part);
  return { socket, text: () => text, closed };
}

/** Waits until a condition is true. */
export async function until(isIt: () => boolean): Promise<void> {
  while (!isIt()) await sleep(5);
}
