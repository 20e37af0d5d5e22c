/** The routes: addresses → models, refusals → JSON, everything counted and logged. Sockets and signals are server.ts'. */
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { messageOf } from "../base/errors.ts";
import type { Access } from "./access.ts";
import { answerRoutes } from "./answers.ts";
import { ClientGone } from "./deadline.ts";
import { docsPage } from "./docs-page.ts";
import type { Limits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Models } from "./models.ts";
import { openApi } from "./openapi.ts";
import type { Pipeline } from "./pipeline.ts";
import { refuseOthers } from "./query.ts";
import { busy, Refusal } from "./refusal.ts";

/** What a handler has at hand of its request. */
export interface ServeEnv {
  Bindings: HttpBindings;
  Variables: {
    /** What the log and the metrics are told besides; handlers add to it. */
    noted: { model?: string; images?: number; bytes?: number; error?: string };
  };
}

export interface AppOptions {
  readonly models: Models;
  readonly pipeline: Pipeline;
  readonly limits: Limits;
  readonly access: Access;
  readonly origins: readonly string[];
  readonly metrics: Metrics;
  readonly log: Log;
  /** Whether a token is asked for, to be said in the documents. */
  readonly hasToken: boolean;
  /** Whether the server is being shut down: requests accepted before are answered, later ones refused. */
  isClosing(): boolean;
}

/** Addresses that tell nothing but whether the server lives: open without a token, for those who watch over it. */
const OPEN = new Set(["/health", "/ready"]);

export function createApp(options: AppOptions): Hono<ServeEnv> {
  const { models, limits, access, origins, metrics, isClosing, hasToken } = options;
  const app = new Hono<ServeEnv>();
  app.use(recorder(options));
  app.use(async (c, next) => {
    const { host, origin, authorization } = c.env.incoming.headers;
    access.checkHost(host);
    access.checkOrigin(origin, host);
    // A browser asks beforehand whether it may ask, and cannot send the token with that.
    if (c.req.method !== "OPTIONS" && !OPEN.has(c.req.path)) access.checkToken(authorization);
    await next();
  });
  if (origins.length > 0) app.use(cors({ origin: [...origins], allowMethods: ["GET", "POST"], maxAge: 600 }));

  const document = (): object => openApi(models.list(), limits, hasToken);
  app.get("/", (c) => c.redirect("/docs"));
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.get("/ready", (c) => {
    if (isClosing()) throw busy("The server is being shut down: ask another.", 1);
    return c.json({ status: "ready", models: models.list().map(({ name }) => name) });
  });
  app.get("/metrics", (c) =>
    c.text(metrics.render(models.list()), 200, { "content-type": "text/plain; version=0.0.4" }),
  );
  app.get("/openapi.json", (c) => c.json(document()));
  app.get("/docs", (c) => c.html(docsPage(models.list(), limits, hasToken)));
  app.get("/models", (c) => {
    refuseOthers(c.req.queries(), []);
    return c.json({
      models: models.list().map(({ name, classes, sha256, loadedAt }) => ({ name, classes, sha256, loadedAt })),
    });
  });
  answerRoutes(app, options);

  app.notFound((c) => {
    const other = otherMethod(app, c);
    if (!other) return refuse(c, new Refusal(404, "There is nothing at this address: see /docs."));
    return refuse(c, new Refusal(405, `This address is asked with ${other}.`, { allow: other }));
  });
  app.onError((error, c) => {
    if (error instanceof Refusal) return refuse(c, error);
    c.var.noted.error = messageOf(error);
    // Nobody reads this one; 499 is what nginx calls it.
    if (error instanceof ClientGone) return new Response(null, { status: 499 });
    return refuse(c, new Refusal(500, "The model failed on this request: the server's log says how."));
  });
  return app;
}

/**
 * The answer to a request that is refused. What has not been read of its body is read for a moment more and thrown away, by the
 * adaptor: a connection that were closed at once would take the answer with it before the client reads it.
 */
function refuse(c: Context<ServeEnv>, { status, message, headers }: Refusal): Response {
  c.var.noted.error ??= message;
  return c.json({ error: message }, status, { ...headers });
}

/** The method that a route at the request's address has, where it is not the request's. */
function otherMethod(app: Hono<ServeEnv>, c: Context<ServeEnv>): string | undefined {
  const methods = ["GET", "POST"].filter((method) => method !== c.req.method);
  return methods.find((method) => app.router.match(method, c.req.path)[0].some(([[, route]]) => isRoute(route.path)));
}

const isRoute = (path: string): boolean => path !== "*" && path !== "/*";

/** Counts and logs each request once it has its answer. */
function recorder({ metrics, log, isClosing }: AppOptions): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const began = performance.now();
    c.set("noted", {});
    await next();
    if (isClosing()) c.header("connection", "close");
    const seconds = (performance.now() - began) / 1000;
    const { status } = c.res;
    // The pattern, not the address: metrics must not grow with what clients make up.
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
