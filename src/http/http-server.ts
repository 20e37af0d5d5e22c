/**
 * An HTTP server from listening to shutdown: timeouts, limits on headers and connections, `{ error }` responses to requests
 * that are not valid HTTP, and a shutdown in bounded time whatever clients do. Knows no routes.
 */
import { setMaxListeners } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import { type AddressInfo, isIPv6, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { getRequestListener, RequestError } from "@hono/node-server";
import { codeOf, messageOf, workError } from "../base/errors.ts";
import { declaresTooMuch } from "./request-bounds.ts";
import { type ErrorBody, plainSafeHeaders, Refusal, shuttingDown } from "./responses.ts";

type Fetch = Parameters<typeof getRequestListener>[0];

export interface HttpOptions {
  readonly address: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Time limit for a request's line and headers to arrive, in milliseconds. */
  readonly headersTimeoutMs: number;
  /** Time limit for the whole request to arrive, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  /** The maximum number of open sockets; further ones are closed at once. */
  readonly maxConnections: number;
  /** A client that asks first (`Expect: 100-continue`) learns at once that a longer body is too long. */
  readonly maxBodyBytes: number;
}

/** The maximum size of a request's line and headers, in bytes. */
const MAX_HEADER_BYTES = 16 << 10;

/** The default time limit of a shutdown, in milliseconds. */
export const GRACE_MS = 10_000;

/** The shares of the shutdown's time after which requests without a response get 503, and after which connections are closed. */
const [CUT_OFF, CLOSE] = [0.8, 0.9];

/** A server that does not listen yet, so that its routes can use it. */
export interface HttpServer {
  readonly isClosing: boolean;
  /** Aborted with a Refusal when pending requests must be given up, so that the server ends in time. */
  readonly cutOff: AbortSignal;
  /** @returns the URL, such as `http://127.0.0.1:8000` */
  listen(fetch: Fetch): Promise<string>;
  /**
   * Accepts no more requests, answers those in progress, and closes every connection within `graceMs`; idle ones at once.
   *
   * @returns how many requests were cut off
   */
  close(graceMs: number): Promise<number>;
}

export function createHttpServer(options: HttpOptions): HttpServer {
  const { address, port, headersTimeoutMs, requestTimeoutMs, keepAliveMs } = options;
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: keepAliveMs,
    // A route refuses this, with a sentence.
    requireHostHeader: false,
  });
  server.maxConnections = options.maxConnections;
  // Their size is limited. With a limit on their number, Node would drop the last ones, perhaps the one that names the origin.
  server.maxHeadersCount = 0;
  // Node's own method considers a connection idle before its response is fully read; trackConnections knows better.
  server.closeIdleConnections = (): void => {};
  const connections = trackConnections(server);
  const cutOff = new AbortController();
  // One listener per request.
  setMaxListeners(0, cutOff.signal);
  let isClosing = false;
  server.on("checkContinue", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (!declaresTooMuch(incoming, options.maxBodyBytes)) outgoing.writeContinue();
    server.emit("request", incoming, outgoing);
  });
  server.on("checkExpectation", (_: IncomingMessage, outgoing: ServerResponse) => {
    respond(outgoing, new Refusal(417, "The Expect header is not supported: leave it out."));
  });
  server.on("clientError", (error: Error, socket: Socket) => {
    if (!socket.writable || connections.hasAnswered(socket)) return socket.destroy();
    socket.end(rawResponse(malformed[codeOf(error) ?? ""] ?? notHttp), () => socket.destroy());
  });
  return {
    get isClosing() {
      return isClosing;
    },
    cutOff: cutOff.signal,
    async listen(fetch) {
      server.on("request", getRequestListener(fetch, { errorHandler: unrouted }));
      await begin(server, address, port);
      const host = isIPv6(address) ? `[${address}]` : address;
      return `http://${host}:${(server.address() as AddressInfo).port}`;
    },
    async close(graceMs) {
      isClosing = true;
      const closed = new Promise<number>((done) => server.close(() => done(0)));
      connections.closeIdle();
      const timer = setTimeout(() => cutOff.abort(shuttingDown()), CUT_OFF * graceMs);
      const ended = new AbortController();
      const late = sleep(CLOSE * graceMs, undefined, { signal: ended.signal }).then(
        () => connections.closeAll(),
        () => 0,
      );
      const cut = await Promise.race([closed, late]);
      clearTimeout(timer);
      ended.abort();
      await closed;
      return cut;
    },
  };
}

const notHttp = new Refusal(400, "The request is not valid HTTP: send HTTP/1.1.");

/** Requests that Node's parser rejects, by the error's code. */
const malformed: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: new Refusal(
    431,
    `The request's headers are longer than ${MAX_HEADER_BYTES / 1024} KiB: send fewer.`,
  ),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new Refusal(413, "The body's chunk extensions are too long: leave them out."),
  ERR_HTTP_REQUEST_TIMEOUT: new Refusal(408, "The request did not arrive in time: send it faster."),
};

const bodyOf = ({ message }: Refusal): string => JSON.stringify({ error: message } satisfies ErrorBody);

const headersOf = (refusal: Refusal): Record<string, string> => ({
  ...plainSafeHeaders,
  "content-type": "application/json",
  "content-length": String(Buffer.byteLength(bodyOf(refusal))),
  connection: "close",
});

/** The response if the request has no valid address, or if an error handler itself failed. */
function unrouted(error: unknown): Response {
  const refusal =
    error instanceof RequestError
      ? new Refusal(400, "The request's address or Host header is missing or not valid: send both.")
      : new Refusal(500, "The server failed: see its log.");
  return new Response(bodyOf(refusal), { status: refusal.status, headers: headersOf(refusal) });
}

const respond = (outgoing: ServerResponse, refusal: Refusal): unknown =>
  outgoing.writeHead(refusal.status, headersOf(refusal)).end(bodyOf(refusal));

function rawResponse(refusal: Refusal): string {
  const headers = Object.entries(headersOf(refusal)).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${headers.join("")}\r\n${bodyOf(refusal)}`;
}

const portSentences: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there: choose another with --port",
  EACCES: "this user may not listen there: choose a port from 1024 with --port",
  EADDRNOTAVAIL: "this machine has no such address: choose another with --host",
  ENOTFOUND: "there is no such name: give an address of this machine with --host",
};

/** @throws GraftError (`work`) if it cannot listen there */
async function begin(server: Server, address: string, port: number): Promise<void> {
  await new Promise<void>((done, fail) => {
    server.once("error", (error) => {
      const reason = portSentences[codeOf(error) ?? ""] ?? messageOf(error);
      fail(workError(`Could not listen on ${address} port ${port}: ${reason}.`, error));
    });
    server.listen(port, address, done);
  });
}

// The connections of a server and their pending requests, so that a shutdown ends in bounded time.

export interface Connections {
  /** Whether a response on this connection has started. */
  hasAnswered(socket: Socket): boolean;
  /** Closes every connection without a pending request, and each other one after its last response. */
  closeIdle(): void;
  /** Closes all remaining connections; returns how many requests had no full response. */
  closeAll(): number;
}

export function trackConnections(server: Server): Connections {
  /** Unfinished responses, in the order of their requests. */
  const underWay = new Map<Socket, Set<ServerResponse>>();
  let isClosing = false;
  server.on("connection", (socket: Socket) => {
    underWay.set(socket, new Set());
    socket.once("close", () => underWay.delete(socket));
  });
  const enter = ({ socket }: IncomingMessage, outgoing: ServerResponse): void => {
    const responses = underWay.get(socket);
    responses?.add(outgoing);
    outgoing.once("close", () => {
      responses?.delete(outgoing);
      if (isClosing && responses?.size === 0) socket.destroySoon();
    });
  };
  // Before the listener that responds.
  server.prependListener("request", enter);
  server.prependListener("checkContinue", enter);
  server.prependListener("checkExpectation", enter);
  return {
    hasAnswered: (socket) => [...(underWay.get(socket) ?? [])].some(({ headersSent }) => headersSent),
    closeIdle() {
      isClosing = true;
      for (const [socket, responses] of underWay) {
        const last = [...responses].at(-1);
        if (!last) socket.destroy();
        // The response's headers say so, if they are not sent yet.
        else last.shouldKeepAlive = false;
      }
    },
    closeAll() {
      const cut = [...underWay.values()].reduce((sum, responses) => sum + responses.size, 0);
      for (const socket of underWay.keys()) socket.destroy();
      return cut;
    },
  };
}
