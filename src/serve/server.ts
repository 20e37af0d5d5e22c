/** The server: engine, models and routes behind one HTTP server, from start to graceful shutdown. */
import { availableParallelism } from "node:os";
import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { messageOf, workError } from "../base/errors.ts";
import { accessGuard, createAccess, requireTokenBeyondLoopback, tokenGuard } from "../http/access.ts";
import { createHttpServer, GRACE_MS } from "../http/http-server.ts";
import { ClientGone } from "../http/request-bounds.ts";
import { answerFaults, Refusal, safeHeaders, shuttingDown } from "../http/responses.ts";
import { contentPolicy } from "../report/page-shell.ts";
import { docsPage, openApi } from "./api-docs.ts";
import { lanesFor, type PredictionEngine, startEngine } from "./batcher.ts";
import { defaultLimits, headersTimeoutMs, type Limits, MAX_CONNECTIONS } from "./limits.ts";
import { createLog, createMetrics, type Log } from "./metrics.ts";
import { type ModelSource, openModels, repeat } from "./models.ts";
import { createPipeline } from "./pipeline.ts";
import { type AppOptions, predictionRoutes, refuseOthers, type ServeEnv } from "./prediction-routes.ts";

export interface ServeOptions {
  readonly sources: readonly ModelSource[];
  /** The listening address; default `127.0.0.1`. Any address that is not loopback requires a token. */
  readonly address?: string | undefined;
  /** 0 picks a free port; default 8000. */
  readonly port?: number | undefined;
  readonly token?: string | undefined;
  /** Origins whose pages have access; default none. */
  readonly origins?: readonly string[] | undefined;
  /** Additional names for the Host header; default none. */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** Time limit of {@link RunningServer.close} in milliseconds; default 10 s. */
  readonly graceMs?: number | undefined;
  /** Milliseconds between checks of the models' files; default 1000. */
  readonly watchMs?: number | undefined;
  readonly log?: Log | undefined;
}

export interface RunningServer {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  readonly models: readonly string[];
  /** Reads every model's file again. */
  reload(): Promise<void>;
  /** Accepts no more requests, answers accepted ones as far as the time allows, and frees everything. */
  close(): Promise<void>;
  /** Rejects if the server can no longer serve; otherwise pending. */
  readonly broken: Promise<never>;
}

/**
 * Opens the models and listens.
 *
 * @throws GraftError (`usage`) if other machines can reach the address and there is no token; (`work`) if the port is taken;
 *   errors of opening a model
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
    // The routes' own deadline comes first, because it says more.
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

async function stopQuietly(engine: PredictionEngine): Promise<void> {
  await engine.stop().catch(() => {});
}

function promiseParts(): { promise: Promise<never>; reject(error: Error): void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  // Observing it is optional: an unobserved rejection must not end the process.
  promise.catch(() => {});
  return { promise, reject: (error) => reject(error) };
}

// The routes: URLs → models, refusals → JSON; every request is counted and logged.

/** URLs that say only whether the server is alive: open without a token, for monitoring. */
const OPEN = new Set(["/health", "/ready"]);

export function createApp(options: AppOptions): Hono<ServeEnv> {
  const { models, limits, access, origins, metrics, http, token } = options;
  const hasToken = token !== undefined;
  const app = new Hono<ServeEnv>();
  app.use(recorder(options));
  app.use(safeHeaders());
  answerFaults(app, {
    seeAlso: "see /docs",
    onRefusal({ message }, c) {
      c.var.noted.error ??= message;
    },
    onDefect(error, c) {
      c.var.noted.error = messageOf(error);
      // No client reads this one; 499 is what nginx calls it.
      if (error instanceof ClientGone) return new Response(null, { status: 499 });
      return new Refusal(500, "The model failed on this request: see the server's log.");
    },
  });
  app.use(accessGuard(access));
  if (token !== undefined) app.use(tokenGuard(token, (path) => OPEN.has(path)));
  if (origins.length > 0) app.use(cors({ origin: [...origins], allowMethods: ["GET", "POST"], maxAge: 600 }));

  const document = (): object => openApi(models.list(), limits, hasToken);
  app.get("/", (c) => c.redirect("/docs"));
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/ready", (c) => {
    if (http.isClosing) throw shuttingDown();
    return c.json({ status: "ready", models: models.list().map(({ name }) => name) });
  });
  app.get("/metrics", (c) =>
    c.text(metrics.render(models.list()), 200, { "content-type": "text/plain; version=0.0.4" }),
  );
  app.get("/openapi.json", (c) => c.json(document()));
  app.get("/docs", (c) =>
    c.html(docsPage(models.list(), limits, hasToken), 200, {
      "content-security-policy": `${contentPolicy}; frame-ancestors 'none'`,
    }),
  );
  app.get("/models", (c) => {
    refuseOthers(c.req.queries(), []);
    return c.json({
      models: models.list().map(({ name, classes, sha256, loadedAt }) => ({ name, classes, sha256, loadedAt })),
    });
  });
  predictionRoutes(app, options);
  return app;
}

const isRoute = (path: string): boolean => path !== "*" && path !== "/*";

/** Counts and logs each request after its response. */
function recorder({ metrics, log }: AppOptions): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const began = performance.now();
    c.set("noted", {});
    await next();
    const seconds = (performance.now() - began) / 1000;
    const { status } = c.res;
    // The route's pattern, not the URL: metrics must not grow with what clients make up.
    const route = c.req.matchedRoutes.findLast(({ path }) => isRoute(path))?.path ?? "none";
    metrics.request(route, status, seconds);
    log(status >= 500 && status !== 503 ? "error" : "info", "request", {
      method: c.req.method,
      path: c.req.path.slice(0, 200),
      status,
      ms: Math.round(seconds * 1e4) / 10,
      client: c.env.incoming.socket.remoteAddress,
      ...c.var.noted,
    });
  };
}
