/**
 * The prediction routes, `predict` and `embed`, for the only model or one by name, and the settings in their queries. Sockets
 * are elsewhere.
 */

import type { ServerResponse } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import * as v from "valibot";
import { GraftError } from "../base/errors.ts";
import { checked, type Door, optionsOf, whole } from "../base/option-schemas.ts";
import { shown } from "../base/text.ts";
import type { Access } from "../http/access.ts";
import type { HttpServer } from "../http/http-server.ts";
import { type Bodies, createBodies, createDeadline } from "../http/request-bounds.ts";
import { Refusal, shuttingDown } from "../http/responses.ts";
import { OOD_SCORE, PROBABILITIES } from "../model/artifact-graph.ts";
import { predictionOf, type RawPrediction } from "../model/open-artifact.ts";
import { FEATURES } from "../networks/backbone/backbone.ts";
import type { Outputs } from "./engine-thread.ts";
import { allBodiesBytes, type Limits, stallMs } from "./limits.ts";
import type { Log, Metrics } from "./metrics.ts";
import type { Models, ModelVersion } from "./models.ts";
import type { Pipeline } from "./pipeline.ts";
import { sentImagesOf } from "./sent-images.ts";

/** What `graft predict` takes from the outputs for one image. */
function answerOf(outputs: Outputs): Pick<RawPrediction, "probabilities" | "oodScore"> {
  const score = outputs[OOD_SCORE];
  return { probabilities: outputs[PROBABILITIES]! as Float32Array, oodScore: score && Number(score[0]) };
}

/** Turns the outputs for one image into its entry in the response. */
type Describe = (version: ModelVersion, outputs: Outputs) => object;

/** A question to a model: the last part of the URL, and how its query is read. */
interface Question {
  readonly key: "predictions" | "embeddings";
  describe(query: Record<string, string[]>): Describe;
}

/** The last parts of the URLs. */
export const questions: Readonly<Record<"predict" | "embed", Question>> = {
  predict: {
    key: "predictions",
    describe(query) {
      const top = topOf(query);
      return (version, outputs) => predictionOf(version, answerOf(outputs), top);
    },
  },
  embed: {
    key: "embeddings",
    describe(query) {
      refuseOthers(query, []);
      return (_, outputs) => ({ features: Array.from(outputs[FEATURES]! as Float32Array) });
    },
  },
};

/** Adds `POST /predict`, `/embed`, `/models/NAME/predict` and `/models/NAME/embed`. */
export function predictionRoutes(app: Hono<ServeEnv>, options: AppOptions): void {
  const { limits } = options;
  const bodies = createBodies({
    stallMs: stallMs(limits),
    memoryBytes: allBodiesBytes(limits),
    remedy: "send fewer or smaller images at once",
  });
  for (const [name, question] of Object.entries(questions)) {
    app.post(`/${name}`, (c) => answer(c, undefined, question, options, bodies));
    app.post(`/models/:name/${name}`, (c) => answer(c, c.req.param("name"), question, options, bodies));
  }
}

async function answer(
  c: Context<ServeEnv>,
  name: string | undefined,
  { key, describe }: Question,
  { models, limits, pipeline, http }: AppOptions,
  bodies: Bodies,
): Promise<Response> {
  if (http.isClosing) throw shuttingDown();
  // Refused before the body is read; which version predicts is decided after that.
  chosen(models.list(), name);
  const entryOf = describe(c.req.queries());
  const deadline = createDeadline(c.env.outgoing as ServerResponse, limits.timeoutMs, http.cutOff);
  const { signal } = deadline;
  try {
    return await bodies.whole(c.env.incoming, { maxBytes: limits.maxBodyBytes, signal }, async (body) => {
      deadline.received();
      c.var.noted.bytes = body.length;
      const images = await sentImagesOf(body, c.env.incoming.headers["content-type"], limits.maxImages);
      // A version that was current when the request began may be closed by now.
      const version = chosen(models.list(), name);
      Object.assign(c.var.noted, { model: version.name, images: images.length });
      const sent = images.map(({ bytes }) => bytes);
      const results = await pipeline.ask(version, sent, signal);
      const refused = results.flatMap((result) => ("refusal" in result ? [result.refusal] : []));
      if (refused.length === results.length) throw refused[0]!;
      const entries = results.map((result, i) => ({
        name: images[i]!.name,
        ...("refusal" in result ? { error: result.refusal.message } : entryOf(version, result.outputs)),
      }));
      return c.json({ model: version.name, [key]: entries });
    });
  } finally {
    deadline.done();
  }
}

/** The model of that name, or the only one. */
function chosen(list: readonly ModelVersion[], name: string | undefined): ModelVersion {
  if (name === undefined) {
    if (list.length === 1) return list[0]!;
    const addresses = list.map((model) => `/models/${model.name}/`).join(", ");
    throw new Refusal(400, `The server has several models: name one, as in ${addresses}.`);
  }
  const found = list.find((model) => model.name === name);
  if (!found) throw new Refusal(404, `There is no model ${JSON.stringify(name.slice(0, 80))}: /models lists them.`);
  return found;
}

// What handlers have at hand: of the server, and of each request. Types only.

/** What a handler has at hand for its request. */
export interface ServeEnv {
  Bindings: HttpBindings;
  Variables: {
    /** Additional fields for the log and the metrics; handlers add to it. */
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
  /** Required from clients, if set. */
  readonly token: string | undefined;
  /** Requests accepted before closing are answered, later ones refused. */
  readonly http: Pick<HttpServer, "isClosing" | "cutOff">;
}

// The settings in a URL's query. Unknown ones are refused, not ignored.

/** The default number of classes per image, as for `graft predict`. */
export const DEFAULT_TOP = 3;

const door: Door = {
  whole: "The query",
  subject: (path) => `The setting ${path}`,
  option: (path) => path,
};

const predictSettings = optionsOf({ top: v.optional(whole(1, 999_999), DEFAULT_TOP) });

type Query = Readonly<Record<string, string[]>>;

/** Reads `?top=K`. @throws Refusal (400) */
export function topOf(query: Query): number {
  refuseOthers(query, ["top"]);
  const [text, ...more] = query.top ?? [];
  if (more.length > 0) throw new Refusal(400, "The setting top is given more than once: give it once, as in ?top=3.");
  // Digits only: all clients agree on this form of a number.
  const top = text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
  try {
    return checked(predictSettings, { top }, door).top;
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    throw new Refusal(400, error.message);
  }
}

/** @throws Refusal (400) if the query has a setting other than the given ones */
export function refuseOthers(query: Query, known: readonly string[]): void {
  const stranger = Object.keys(query).find((name) => !known.includes(name));
  if (stranger === undefined) return;
  const allowed = known.length > 0 ? `: there is ${known.join(", ")}` : "";
  throw new Refusal(400, `There is no setting ${shown(stranger)} here${allowed}.`);
}
