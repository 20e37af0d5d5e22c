/** The routes of trainings: start, follow, results, predictions, exports and reports. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Context, Hono } from "hono";
import { dataError, usageError } from "../../base/errors.ts";
import { contentPolicy } from "../../report/page-shell.ts";
import type { ModelPrediction, RunInfo, RunResults } from "../api.ts";
import { readPlain } from "../project/own-files.ts";
import { readSettings } from "../runs/launch.ts";
import type { Predictor } from "../runs/record.ts";
import { files } from "../runs/record.ts";
import type { Runs } from "../runs/runs.ts";
import { standalonePage } from "../standalone-page.ts";
import { type Env, jsonOf, withImageBody } from "./input.ts";
import type { Events } from "./session.ts";

/** Files of a run that can be downloaded, with their types. */
const exports: ReadonlyMap<string, string> = new Map([
  [files.model, "application/octet-stream"],
  [files.report, "text/html; charset=utf-8"],
  [files.metrics, "application/json"],
  [files.answers, "application/json"],
]);

export interface RunRooms {
  readonly runs: Runs;
  readonly predictor: Predictor;
  readonly events: Events;
  /** Names of networks that a training may use. */
  readonly networks: readonly string[];
  /** What stand-alone pages are made from. */
  readonly standalone: string;
  readonly title: string;
}

export function runRoutes({ runs, predictor, events, networks, standalone, title }: RunRooms): Hono<Env> {
  const announce = (run: RunInfo): RunInfo => {
    events.tell({ kind: "run", run });
    return run;
  };
  return new Hono<Env>()
    .get("/runs", async (c) => c.json((await runs.list()) satisfies RunInfo[]))
    .post("/runs", async (c) => c.json(announce(await runs.start(readSettings(await jsonOf(c), networks))), 201))
    .get("/runs/:id", async (c) => c.json((await runs.get(c.req.param("id"))) satisfies RunInfo))
    .delete("/runs/:id", async (c) => {
      const id = c.req.param("id");
      await predictor.forget(runs.folder(id));
      await runs.remove(id);
      events.tell({ kind: "run-removed", id });
      return c.json({ done: true });
    })
    .post("/runs/:id/stop", async (c) => {
      await runs.stop(c.req.param("id"));
      return c.json({ done: true }, 202);
    })
    .post("/runs/:id/resume", async (c) => c.json(announce(await runs.resume(c.req.param("id")))))
    .get("/runs/:id/results", async (c) => c.json((await runs.results(c.req.param("id"))) satisfies RunResults))
    .post("/runs/:id/predict", async (c) => {
      const { id } = await finished(c.req.param("id"));
      const predict = (bytes: Buffer): Promise<ModelPrediction> => predictor.predict(runs.folder(id), bytes);
      return c.json(await withImageBody(c, predict));
    })
    .get("/runs/:id/files/:name", async (c) => {
      const { id } = await finished(c.req.param("id"));
      const type = exports.get(c.req.param("name"));
      if (type === undefined) throw usageError(`A training has only these files: ${[...exports.keys()].join(", ")}.`);
      const path = join(runs.folder(id), c.req.param("name"));
      const { size } = await stat(path);
      // The report may be shown: it runs no script and has its own origin.
      if (c.req.query("view") !== undefined && c.req.param("name") === files.report) {
        return c.body(new Uint8Array(await readReport(path)), 200, {
          "Content-Type": type,
          "Content-Security-Policy": `${contentPolicy}; sandbox`,
        });
      }
      return download(c, createReadStream(path), `${id}-${c.req.param("name")}`, type, size);
    })
    .get("/runs/:id/page", async (c) => {
      const run = await finished(c.req.param("id"));
      const page = standalonePage({ run, folder: runs.folder(run.id), standalone, title });
      return download(c, Readable.from(page), `${run.id}-page.html`, "text/html; charset=utf-8");
    });

  async function finished(id: string): Promise<RunInfo> {
    const run = await runs.get(id);
    if (run.state.kind !== "done")
      throw usageError("The training is not finished: there is no model to use or export yet.");
    return run;
  }
}

/** A download, never a page of the studio's own origin. */
function download(c: Context, source: Readable, name: string, type: string, bytes?: number): Response {
  return c.body(Readable.toWeb(source) as ReadableStream<Uint8Array>, 200, {
    "Content-Type": type,
    "Content-Disposition": `attachment; filename="${name}"`,
    "Content-Security-Policy": "sandbox",
    ...(bytes === undefined ? {} : { "Content-Length": String(bytes) }),
  });
}

// Showing the report of a run in the browser. The report may be anyone's HTML: the response's policy lets it run and fetch
// nothing. A report with elements that Graft never writes is not shown at all, because browsers connect to a frame's address
// before they ask the policy.

/** The maximum size of a report, in bytes. */
const MOST_BYTES = 256 * 2 ** 20;

/** A tag's name cannot contain an entity, so its text shows where the element is. */
const foreign =
  /<(?:applet|audio|base|embed|fencedframe|form|frame|frameset|iframe|link|math|object|portal|script|source|template|track|video)[\s/>]/i;

/** @throws GraftError (`data`) if there is no report, or if Graft did not write it */
export async function readReport(path: string): Promise<Buffer> {
  const bytes = await readPlain(path, MOST_BYTES);
  if (!bytes) throw dataError("The training has no report: someone removed the file.");
  // A UTF-16 byte order mark would override the encoding in the response's header.
  const isUtf16 = (bytes[0] === 0xfe && bytes[1] === 0xff) || (bytes[0] === 0xff && bytes[1] === 0xfe);
  if (isUtf16 || foreign.test(bytes.toString("latin1")))
    throw dataError(
      "This report was not written by Graft, so the studio does not show it. Train again, or download the file and open it elsewhere.",
    );
  return bytes;
}
