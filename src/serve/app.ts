/** The routes: addresses → models, refusals → JSON, everything counted and logged. Sockets and signals are server.ts'. */
import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { messageOf } from "../base/errors.ts";
import { accessGuard, tokenGuard } from "../http/access.ts";
import { ClientGone } from "../http/deadline.ts";
import { safeHeaders } from "../http/headers.ts";
import { Refusal, shuttingDown } from "../http/refusal.ts";
import { answerFaults } from "../http/routes.ts";
import { contentPolicy } from "../report/shell.ts";
import { answerRoutes } from "./answers.ts";
import { docsPage } from "./docs-page.ts";
import type { AppOptions, ServeEnv } from "./env.ts";
import { openApi } from "./openapi.ts";
import { refuseOthers } from "./query.ts";

/** Addresses that tell nothing but whether the server lives: open without a token, for those who watch over it. */
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
  answerRoutes(app, options);
  return app;
}

const isRoute = (path: string): boolean => path !== "*" && path !== "/*";

/** Counts and logs each request once it has its answer. */
function recorder({ metrics, log }: AppOptions): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const began = performance.now();
    c.set("noted", {});
    await next();
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
