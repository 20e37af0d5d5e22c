/** What the routes of a server have at hand: of the server, and of each request. Types alone. */
import type { HttpBindings } from "@hono/node-server";
import type { Access } from "../http/access.ts";
import type { HttpServer } from "../http/server.ts";
import type { Limits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Models } from "./models.ts";
import type { Pipeline } from "./pipeline.ts";

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
  /** Asked for where there is one. */
  readonly token: string | undefined;
  /** Requests accepted before it is closing are answered, later ones refused. */
  readonly http: Pick<HttpServer, "isClosing" | "cutOff">;
}
