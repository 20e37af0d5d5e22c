/** The server as a whole: engine, models and routes behind one HTTP server, from start to a graceful end. */
import { availableParallelism } from "node:os";
import { messageOf, workError } from "../base/errors.ts";
import { createAccess, requireTokenBeyondLoopback } from "../http/access.ts";
import { createHttpServer, GRACE_MS } from "../http/server.ts";
import { createApp } from "./app.ts";
import { type Engine, lanesFor, startEngine } from "./engine/engine.ts";
import { defaultLimits, headersTimeoutMs, type Limits, MAX_CONNECTIONS } from "./limits.ts";
import { createLog, type Log } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { type ModelSource, openModels } from "./models.ts";
import { createPipeline } from "./pipeline.ts";
import { repeat } from "./stamp.ts";

export interface ServeOptions {
  readonly sources: readonly ModelSource[];
  /** The address to bind to; default `127.0.0.1`. Any that is not loopback needs a token. */
  readonly address?: string | undefined;
  /** 0 takes a free one; default 8000. */
  readonly port?: number | undefined;
  readonly token?: string | undefined;
  /** Origins whose pages may ask; default none. */
  readonly origins?: readonly string[] | undefined;
  /** Further names that a Host header may give; default none. */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** Milliseconds that {@link RunningServer.close} may take; default 10 s. */
  readonly graceMs?: number | undefined;
  /** Milliseconds between looks at the models' files; default 1000. */
  readonly watchMs?: number | undefined;
  readonly log?: Log | undefined;
}

export interface RunningServer {
  /** Where it is reached: `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly models: readonly string[];
  /** Reads every model's file anew. */
  reload(): Promise<void>;
  /** Takes no more requests, answers those it has accepted as far as the time allows, frees everything. */
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
  requireTokenBeyondLoopback(address, token);
  const access = createAccess({
    address,
    allowedHosts,
    origins,
    isPage: (path) => path === "/" || path === "/docs",
    remedies: { host: "--allow-host lets a name in", origin: "start it with --cors ORIGIN to let one in" },
  });
  const http = createHttpServer({
    address,
    port,
    headersTimeoutMs: headersTimeoutMs(limits),
    // The routes' own deadline comes first, and says more.
    requestTimeoutMs: limits.timeoutMs + 1000,
    keepAliveMs: 15_000,
    maxConnections: MAX_CONNECTIONS,
    maxBodyBytes: limits.maxBodyBytes,
  });
  const cores = availableParallelism();
  const metrics = createMetrics();
  const { promise: broken, reject: breakDown } = promiseParts();
  const engine = startEngine({
    ...lanesFor(cores),
    onDeath(error) {
      log("error", "engine_died", { error: messageOf(error) });
      breakDown(workError("An engine thread stopped unexpectedly: start the server again.", error));
    },
  });
  try {
    const models = await openModels(options.sources, engine, log);
    const pipeline = createPipeline({ engine, cores, limits, metrics });
    const app = createApp({ models, pipeline, limits, access, origins, metrics, log, token, http });
    const url = await http.listen(app.fetch);
    const names = models.list().map(({ name }) => name);
    const stopWatching = repeat(() => models.reload(false), options.watchMs ?? 1000);
    log("info", "listening", { url, models: names });
    return {
      url,
      models: names,
      broken,
      reload: () => models.reload(true),
      async close() {
        stopWatching();
        log("info", "closing");
        const cut = await http.close(options.graceMs ?? GRACE_MS);
        await engine.stop();
        log(cut === 0 ? "info" : "warn", "closed", cut === 0 ? {} : { cut });
      },
    };
  } catch (error) {
    await stopQuietly(engine);
    throw error;
  }
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
