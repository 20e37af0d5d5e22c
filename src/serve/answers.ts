/** The routes that ask a model: `predict` and `embed`, of the only model or of one by name. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, Hono } from "hono";
import { NOVELTY, PROBABILITIES } from "../artifact/contract.ts";
import { type Answer, predictionOf } from "../artifact/open.ts";
import { type Budget, createBudget } from "../base/budget.ts";
import { readBody } from "../http/body.ts";
import { Refusal, shuttingDown } from "../http/refusal.ts";
import { FEATURES } from "../zoo/backbone.ts";
import type { AppOptions, ServeEnv } from "./app.ts";
import { picturesOf, type SentPicture } from "./body/pictures.ts";
import { createDeadline, type Deadline } from "./deadline.ts";
import type { Outputs } from "./engine/messages.ts";
import { allBodiesBytes, stallMs } from "./limits.ts";
import type { ModelVersion } from "./models.ts";
import { refuseOthers, topOf } from "./query.ts";

/** What `graft predict` reads of the outputs for one picture. */
function answerOf(outputs: Outputs): Pick<Answer, "probabilities" | "novelty"> {
  const novelty = outputs[NOVELTY];
  return { probabilities: outputs[PROBABILITIES]! as Float32Array, novelty: novelty && Number(novelty[0]) };
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
  const memory = createBudget(allBodiesBytes(options.limits));
  for (const [name, question] of Object.entries(questions)) {
    app.post(`/${name}`, (c) => answer(c, undefined, question, options, memory));
    app.post(`/models/:name/${name}`, (c) => answer(c, c.req.param("name"), question, options, memory));
  }
}

async function answer(
  c: Context<ServeEnv>,
  name: string | undefined,
  { key, describe }: Question,
  options: AppOptions,
  memory: Budget,
): Promise<Response> {
  const { models, limits, pipeline, http } = options;
  if (http.isClosing) throw shuttingDown();
  const version = chosen(models.list(), name);
  const entryOf = describe(c.req.queries());
  const deadline = createDeadline(c.env.outgoing as ServerResponse, limits.timeoutMs, http.cutOff);
  try {
    const { pictures, release } = await receive(c, options, memory, deadline);
    try {
      Object.assign(c.var.noted, { model: version.name, images: pictures.length });
      const results = await pipeline.ask(
        version,
        pictures.map(({ bytes }) => bytes),
        deadline.signal,
      );
      const refused = results.flatMap((result) => ("refusal" in result ? [result.refusal] : []));
      if (refused.length === results.length) throw refused[0]!;
      const entries = results.map((result, i) => ({
        ...named(pictures[i]!),
        ...("refusal" in result ? { error: result.refusal.message } : entryOf(version, result.outputs)),
      }));
      return c.json({ model: version.name, [key]: entries });
    } finally {
      release();
    }
  } finally {
    deadline.done();
  }
}

const named = ({ name }: SentPicture): { name?: string } => (name === undefined ? {} : { name });

interface Received {
  readonly pictures: readonly SentPicture[];
  release(): void;
}

/** The pictures of a request, its body's memory held until `release`. */
async function receive(
  c: Context<ServeEnv>,
  { limits }: AppOptions,
  memory: Budget,
  deadline: Deadline,
): Promise<Received> {
  const incoming = c.env.incoming as IncomingMessage;
  const bounds = {
    maxBytes: limits.maxBodyBytes,
    stallMs: stallMs(limits),
    signal: deadline.signal,
    remedy: "send fewer or smaller pictures at once",
  };
  const { bytes, release } = await readBody(incoming, bounds, memory);
  deadline.received();
  c.var.noted.bytes = bytes.length;
  try {
    return { pictures: await picturesOf(bytes, incoming.headers["content-type"], limits.maxImages), release };
  } catch (error) {
    release();
    throw error;
  }
}

/** The model of that name, or the only one. */
function chosen(list: readonly ModelVersion[], name: string | undefined): ModelVersion {
  if (name === undefined) {
    if (list.length === 1) return list[0]!;
    const addresses = list.map((model) => `/models/${model.name}/`).join(", ");
    throw new Refusal(400, `Several models are served: say which, as in ${addresses}.`);
  }
  const found = list.find((model) => model.name === name);
  if (!found) throw new Refusal(404, `There is no model ${JSON.stringify(name.slice(0, 80))}: /models lists them.`);
  return found;
}
