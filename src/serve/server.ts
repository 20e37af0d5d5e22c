/** The server as a whole: engine, models and routes behind one HTTP server, from start to a graceful end. */
import type { Server } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { availableParallelism } from "node:os";
import { createAdaptorServer } from "@hono/node-server";
import { codeOf, messageOf, workError } from "../base/errors.ts";
import { createAccess } from "./access.ts";
import { createApp } from "./app.ts";
import { declaresTooMuch } from "./body/read.ts";
import { type Engine, lanesFor, startEngine } from "./engine/engine.ts";
import { defaultLimits, headersTimeoutMs, type Limits, MAX_CONNECTIONS, MAX_HEADER_BYTES } from "./limits.ts";
import { createLog, type Log } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { type ModelSource, openModels } from "./models.ts";
import { createPipeline } from "./pipeline.ts";
import { repeat } from "./stamp.ts";

export interface ServeOptions {
  readonly sources: readonly ModelSource[];
  /** The address to bind to; default `127.0.0.1`. Any that is not loopback needs a token. */
  readonly address?: string;
  /** 0 takes a free one; default 8000. */
  readonly port?: number;
  readonly token?: string;
  /** Origins whose pages may ask; default none. */
  readonly origins?: readonly string[];
  /** Further names that a Host header may give; default none. */
  readonly allowedHosts?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** Milliseconds between looks at the models' files; default 1000. */
  readonly watchMs?: number;
  readonly log?: Log;
}

export interface RunningServer {
  /** Where it is reached: `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly models: readonly string[];
  /** Reads every model's file anew. */
  reload(): Promise<void>;
  /** Takes no more requests, answers those it has accepted, frees everything. */
  close(): Promise<void>;
  /** Fails where the server can serve no more; pending as long as it can. */
  readonly broken: Promise<never>;
}

/**
 * Opens the models and listens.
 *
 * @throws GraftError (`usage`) where another address is asked for without a token; (`work`) where the port is taken; those of
 * opening a model
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { address = "127.0.0.1", port = 8000, token, origins = [], allowedHosts = [], log = createLog() } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const access = createAccess({ address, allowedHosts, origins, token });
  const cores = availableParallelism();
  const metrics = createMetrics();
  const { promise: broken, reject: breakDown } = promiseParts();
  const engine = startEngine({
    ...lanesFor(cores),
    onDeath(error) {
      log("error", "engine_died", { error: messageOf(error) });
      breakDown(workError("An engine thread ended unexpectedly: start the server again.", error));
    },
  });
  let isClosing = false;
  try {
    const models = await openModels(options.sources, engine, log);
    const pipeline = createPipeline({ engine, cores, limits, metrics });
    const app = createApp({
      models,
      pipeline,
      limits,
      access,
      origins,
      metrics,
      log,
      hasToken: token !== undefined,
      isClosing: () => isClosing,
    });
    const server = httpServer(app.fetch, limits);
    const url = await listen(server, address, port);
    const names = models.list().map(({ name }) => name);
    const stopWatching = repeat(() => models.reload(false), options.watchMs ?? 1000);
    log("info", "listening", { url, models: names });
    return {
      url,
      models: names,
      broken,
      reload: () => models.reload(true),
      async close() {
        isClosing = true;
        stopWatching();
        log("info", "closing");
        await finish(server);
        await engine.stop();
        log("info", "closed");
      },
    };
  } catch (error) {
    await stopQuietly(engine);
    throw error;
  }
}

function httpServer(fetch: Parameters<typeof createAdaptorServer>[0]["fetch"], limits: Limits): Server {
  const server = createAdaptorServer({
    fetch,
    serverOptions: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersTimeoutMs(limits),
      // The routes' own deadline comes first, and says more.
      requestTimeout: limits.timeoutMs + 1000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 15_000,
    },
  }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  // Who asks whether to send a body that is too long is told before it is sent.
  server.on("checkContinue", (incoming, outgoing) => {
    if (!declaresTooMuch(incoming, limits.maxBodyBytes)) outgoing.writeContinue();
    server.emit("request", incoming, outgoing);
  });
  return server;
}

const portSentences: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there: choose another with --port",
  EACCES: "this user may not: choose one from 1024 with --port",
  EADDRNOTAVAIL: "this machine has no such address: choose another with --host",
  ENOTFOUND: "there is no such name: give an address of this machine with --host",
};

async function listen(server: Server, address: string, port: number): Promise<string> {
  await new Promise<void>((done, fail) => {
    server.once("error", (error) => {
      const reason = portSentences[codeOf(error) ?? ""] ?? messageOf(error);
      fail(workError(`Could not listen on ${address} port ${port}: ${reason}.`, error));
    });
    server.listen(port, address, done);
  });
  const host = isIPv6(address) ? `[${address}]` : address;
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

/** Waits until every request under way has its answer. */
async function finish(server: Server): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  // A connection that was busy is closed when it falls idle.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(sweep);
}

async function stopQuietly(engine: Engine): Promise<void> {
  await engine.stop().catch(() => {});
}

function promiseParts(): { promise: Promise<never>; reject(error: Error): void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  // It is looked at by whoever wants to; unlooked at it must not end the process.
  promise.catch(() => {});
  return { promise, reject: (error) => reject(error) };
}
