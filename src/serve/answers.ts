/** The routes that ask a model: `predict` and `embed`, of the only model or of one by name. */
import type { ServerResponse } from "node:http";
import type { Context, Hono } from "hono";
import { NOVELTY, PROBABILITIES } from "../artifact/contract.ts";
import { predictionOf, type RawPrediction } from "../artifact/open.ts";
import { type Bodies, createBodies } from "../http/bodies.ts";
import { createDeadline } from "../http/deadline.ts";
import { Refusal, shuttingDown } from "../http/refusal.ts";
import { FEATURES } from "../zoo/backbone.ts";
import { picturesOf } from "./body/pictures.ts";
import type { Outputs } from "./engine/messages.ts";
import type { AppOptions, ServeEnv } from "./env.ts";
import { allBodiesBytes, stallMs } from "./limits.ts";
import type { ModelVersion } from "./models.ts";
import { refuseOthers, topOf } from "./query.ts";

/** What `graft predict` reads of the outputs for one picture. */
function answerOf(outputs: Outputs): Pick<RawPrediction, "probabilities" | "oodScore"> {
  const score = outputs[NOVELTY];
  return { probabilities: outputs[PROBABILITIES]! as Float32Array, oodScore: score && Number(score[0]) };
}

/** How the outputs for one picture become its entry in the answer. */
type Describe = (version: ModelVersion, outputs: Outputs) => object;

/** What can be asked of a model: the last part of the address, and how its query is read. */
interface Question {
  readonly key: "predictions" | "embeddings";
  describe(query: Record<string, string[]>): Describe;
}

/** The routes' last parts. */
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
export function answerRoutes(app: Hono<ServeEnv>, options: AppOptions): void {
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
  const version = chosen(models.list(), name);
  const entryOf = describe(c.req.queries());
  const deadline = createDeadline(c.env.outgoing as ServerResponse, limits.timeoutMs, http.cutOff);
  const { signal } = deadline;
  try {
    return await bodies.whole(c.env.incoming, { maxBytes: limits.maxBodyBytes, signal }, async (body) => {
      deadline.received();
      c.var.noted.bytes = body.length;
      const images = await picturesOf(body, c.env.incoming.headers["content-type"], limits.maxImages);
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
