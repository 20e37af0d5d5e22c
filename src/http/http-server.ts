/**
 * An HTTP server from listening to its end: timeouts, bounds on headers and connections, `{ error }` for requests that reach no
 * route because they are not valid HTTP, and an end within a bound whatever the clients do.
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
  /** 0 takes a free one. */
  readonly port: number;
  /** For a request's line and headers to arrive, in milliseconds. */
  readonly headersTimeoutMs: number;
  /** For the whole request to arrive, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  /** Sockets open at once; more are closed as they come. */
  readonly maxConnections: number;
  /** A client that asks first (`Expect: 100-continue`) is told at once that a longer body is too long. */
  readonly maxBodyBytes: number;
}

/** Bytes of a request's line and headers. */
const MAX_HEADER_BYTES = 16 << 10;

/** Milliseconds that a server may take to end unless it is told otherwise. */
export const GRACE_MS = 10_000;

/** The share of the time to end after which requests without an answer get 503, and after which connections are closed. */
const [CUT_OFF, CLOSE] = [0.8, 0.9];

/** A server that has not begun to listen, so that routes can be built with what it knows. */
export interface HttpServer {
  readonly isClosing: boolean;
  /** Aborted, with a Refusal, when requests that have no answer yet must be given up for the server to end in time. */
  readonly cutOff: AbortSignal;
  /** @returns where it is reached: `http://127.0.0.1:8000` */
  listen(fetch: Fetch): Promise<string>;
  /**
   * Takes no more requests, answers those under way, and closes every connection within `graceMs`: idle ones at once.
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
    // Refused by a route's way, with a sentence.
    requireHostHeader: false,
  });
  server.maxConnections = options.maxConnections;
  // Their bytes are bounded; of more than a number of them Node would drop the last, be it the one that names the origin.
  server.maxHeadersCount = 0;
  // Node's own takes a connection for idle whose response is not read to its end yet; connections.ts knows better.
  server.closeIdleConnections = (): void => {};
  const connections = trackConnections(server);
  const cutOff = new AbortController();
  // As many listen as there are requests.
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

/** Requests that Node's parser gave up, by its error's code. */
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

/** The response where the request has no address that could be routed, or where a handler of errors failed itself. */
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
  EACCES: "this user may not: choose one from 1024 with --port",
  EADDRNOTAVAIL: "this machine has no such address: choose another with --host",
  ENOTFOUND: "there is no such name: give an address of this machine with --host",
};

/** @throws GraftError (`work`) where it cannot listen there */
async function begin(server: Server, address: string, port: number): Promise<void> {
  await new Promise<void>((done, fail) => {
    server.once("error", (error) => {
      const reason = portSentences[codeOf(error) ?? ""] ?? messageOf(error);
      fail(workError(`Could not listen on ${address} port ${port}: ${reason}.`, error));
    });
    server.listen(port, address, done);
  });
}

// The connections of an HTTP server and the requests under way on them: what must be known to end the server in bounded time.

export interface Connections {
  /** Whether a response to some request on this connection has begun. */
  hasAnswered(socket: Socket): boolean;
  /** Closes every connection on which no request is under way now, and each of the others when its last response is sent. */
  closeIdle(): void;
  /** Closes all that are left; returns how many requests had no full response. */
  closeAll(): number;
}

export function trackConnections(server: Server): Connections {
  /** Responses that are not finished, in the order of their requests. */
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
  // Before the listener that answers.
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
        // Says so in its headers, if they are not sent yet.
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
