/** The studio as a server: puts together a project, its trainings, the routes and the page, on this machine only. */

import { readdir, readFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Context, Hono } from "hono";
import { GraftError, messageOf, workError } from "../base/errors.ts";
import { makeFolder } from "../base/files.ts";
import { withLock } from "../base/lock.ts";
import { asSentence } from "../base/system-errors.ts";
import { named } from "../base/text.ts";
import { accessGuard, createAccess } from "../http/access.ts";
import { createHttpServer, GRACE_MS } from "../http/http-server.ts";
import { createBodies } from "../http/request-bounds.ts";
import { answerFaults, Refusal, refusalOfFailure, safeHeaders } from "../http/responses.ts";
import { type OwnNetwork, openAdvice, openNetworks } from "./advice.ts";
import type { NetworkTable, Recommendation } from "./api.ts";
import { BODY_MEMORY, type Env } from "./http/input.ts";
import { projectRoutes } from "./http/project-routes.ts";
import { runRoutes } from "./http/run-routes.ts";
import { createEvents, createSessions, guard, pagePolicy, sessionRoutes } from "./http/session.ts";
import { checkOwnFolder, pathsOf } from "./project/layout.ts";
import { openProject } from "./project/project.ts";
import { MAX_ARCHIVE_BYTES } from "./project/receive.ts";
import { createPredictor } from "./runs/record.ts";
import { openRuns } from "./runs/runs.ts";

export interface StudioOptions {
  /** The project's folder; created if it does not exist. */
  readonly folder: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** The program and arguments that start `graft`. */
  readonly command: readonly string[];
  readonly networks?: readonly OwnNetwork[] | undefined;
  /** Whether trainings may use only networks on this disk. */
  readonly offline?: boolean | undefined;
  /** Milliseconds after which a request with a stalled body is refused; default 20 seconds. */
  readonly stallMs?: number | undefined;
  /** Time limit of the shutdown in milliseconds; default 10 seconds. */
  readonly graceMs?: number | undefined;
  /** Shuts down the studio in an orderly way. */
  readonly signal: AbortSignal;
  /** Called with problems of the studio's own files in the project, a sentence each. */
  readonly onNotice?: ((notice: string) => void) | undefined;
  /** Called once when the studio listens. */
  readonly onListening: (place: Place) => void;
}

/** The addresses of a running studio. */
export interface Place {
  readonly url: string;
  /** The URL for a browser. The token is behind the `#`, so that it is in no request and in no log of another site. */
  readonly link: string;
  /** The bearer token for programs. It ends with this process. */
  readonly token: string;
}

/** Folders of the built page, and of what stand-alone pages are made from. */
const pageFolder = fileURLToPath(new URL("../../dist/studio-page", import.meta.url));
const standaloneFolder = fileURLToPath(new URL("../../dist/studio-standalone", import.meta.url));

/** Milliseconds for a request's headers, and for a whole request; archives are large. */
const HEADERS_TIMEOUT = 15_000;
const REQUEST_TIMEOUT = 30 * 60_000;
/** Milliseconds between two pieces of a body. */
const STALL = 20_000;

/** The maximum number of open sockets; further ones are closed at once. */
const MAX_CONNECTIONS = 500;

/**
 * Runs the studio until `signal` is aborted. A running training is then stopped in an orderly way and can be resumed later.
 *
 * @throws GraftError (`usage`) if the folder is not one; (`work`) if the port is taken or another studio has the project open
 */
export async function runStudio(options: StudioOptions): Promise<void> {
  const paths = pathsOf(options.folder);
  await makeFolder(options.folder);
  await checkOwnFolder(paths);
  await withLock(paths.lock, { whenHeld: "fail" }, () => serve(options)).catch((error: unknown) => {
    if (!(error instanceof GraftError && error.code === "in-use")) throw error;
    throw workError(
      `Another studio has opened the project ${named(options.folder, 500)}: use the link that it printed, or stop it and start again (if none is running, delete ${named(paths.lock, 500)}).`,
      error,
      "in-use",
    );
  });
}

async function serve(options: StudioOptions): Promise<void> {
  const { folder, port, command, signal, onListening } = options;
  const project = await openProject(folder);
  const networks = await openNetworks(options.networks ?? [], options.offline ?? false);
  const page = await readStatic(pageFolder);
  const events = createEvents();
  const predictor = createPredictor();
  const runs = await openRuns({
    paths: project.paths,
    command,
    networks: networks.names,
    networkArgs: networks.trainArgs,
    onChange: (run) => events.tell({ kind: "run", run }),
  });
  const advice = await openAdvice({
    root: project.paths.root,
    file: project.paths.advice,
    command,
    args: networks.adviceArgs,
    onChange: (recommendation) => events.tell({ kind: "recommendation", recommendation }),
  });

  const { stallMs = STALL, graceMs = GRACE_MS } = options;
  const address = "127.0.0.1";
  const http = createHttpServer({
    address,
    port,
    headersTimeoutMs: HEADERS_TIMEOUT,
    requestTimeoutMs: REQUEST_TIMEOUT,
    keepAliveMs: 30_000,
    maxConnections: MAX_CONNECTIONS,
    maxBodyBytes: MAX_ARCHIVE_BYTES,
  });
  let url = "";
  const door = { sessions: createSessions(), port: (): number => Number(new URL(url).port || 80) };
  const remedy = "open the link that `graft studio` printed";
  const access = createAccess({
    address,
    port: door.port,
    isPage: (path) => path === "/",
    remedies: { host: remedy, origin: remedy },
  });
  const notices = (): string[] => [...project.notices, ...runs.damage(), ...advice.damage()];
  for (const notice of notices()) options.onNotice?.(notice);
  const title = basename(project.paths.root);
  const rooms = { runs, predictor, events, networks: networks.names, standalone: standaloneFolder, title };
  const bodies = createBodies({ stallMs, memoryBytes: BODY_MEMORY, remedy: "make it smaller first" });
  const app = new Hono<Env>();
  app.use(safeHeaders(pagePolicy, { camera: ["self"], microphone: [], geolocation: [] }));
  answerFaults(app, { seeAlso: "open the studio's page", onDefect });
  app
    .use(accessGuard(access))
    .use(guard(door))
    .use(async (c, next) => {
      c.set("bodies", bodies);
      c.set("cutOff", http.cutOff);
      await next();
    })
    .route("/api", sessionRoutes(door))
    .route("/api", projectRoutes(project, events, notices))
    .route("/api", runRoutes(rooms))
    .get("/api/networks", async (c) => c.json((await networks.table()) satisfies NetworkTable))
    .get("/api/recommendation", (c) => c.json(advice.state()))
    .post("/api/recommendation", async (c) => {
      if ((await runs.list()).some(({ state }) => state.kind === "running"))
        throw workError("A training is running and would distort the measurements. Wait until it ends, or stop it.");
      return c.json(advice.start() satisfies Recommendation, 202);
    })
    .get("/api/events", (c) => events.stream(c))
    .use(async (c, next) => (c.req.method === "GET" ? page.serve(c) : undefined) ?? next());

  url = await http.listen(app.fetch);
  try {
    onListening(placeOf(url, door.sessions.token));
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    events.close();
    advice.stop();
    await Promise.all([http.close(graceMs), runs.close(true, 0.9 * graceMs)]);
    await predictor.close();
  }
}

const placeOf = (origin: string, token: string): Place => ({
  url: `${origin}/`,
  link: `${origin}/#token=${token}`,
  token,
});

/** The error as a sentence; an unexpected error is a defect of the studio, and says so. */
function onDefect(error: unknown): Refusal {
  const failure = refusalOfFailure(asSentence(error));
  if (failure) return failure;
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return new Refusal(500, `The studio failed: ${messageOf(error)}.`);
}

// The built page's files: read once, served from memory. No other file of the disk is served.

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface StaticFile {
  readonly bytes: Buffer;
  readonly type: string;
  /** Vite puts a hash into the names in `assets/`. */
  readonly isHashed: boolean;
}

export interface StaticFiles {
  serve(c: Context): Response | undefined;
}

/** Reads the built page from `folder`. */
export async function readStatic(folder: string): Promise<StaticFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw workError("The studio's page has not been built: run `npm run build` first.", error);
  });
  const found = new Map<string, StaticFile>();
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const type = types[extname(entry.name)];
    const url = path.slice(folder.length).replaceAll("\\", "/");
    if (type) found.set(url, { bytes: await readFile(path), type, isHashed: url.startsWith("/assets/") });
  }
  return {
    serve(c) {
      const file = found.get(c.req.path === "/" ? "/index.html" : c.req.path);
      if (!file) return undefined;
      return c.body(new Uint8Array(file.bytes), 200, {
        "Content-Type": file.type,
        "Cache-Control": file.isHashed ? "max-age=31536000, immutable" : "no-cache",
      });
    },
  };
}
