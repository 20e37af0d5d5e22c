/** The OpenAPI 3.1 document of a server (`spec.openapis.org/oas/v3.1.0`): its routes, its models, its limits. */
import { graftVersion } from "../base/version.ts";
import { type RefusalStatus, refusals } from "../http/refusal.ts";
import type { Limits } from "./limits.ts";
import type { ModelVersion } from "./models.ts";
import { DEFAULT_TOP } from "./query.ts";

type Json = Readonly<Record<string, unknown>>;

/** A route that asks a model, or tells of the server. */
interface Route {
  readonly path: string;
  readonly method: "get" | "post";
  readonly summary: string;
  /** Statuses that it may refuse with. */
  readonly refusals: readonly RefusalStatus[];
  /** The schema's name, or the content type of plain text. */
  readonly answer: { readonly schema: string } | { readonly text: string };
  readonly asks?: "predict" | "embed" | undefined;
}

const asking = [400, 401, 403, 404, 408, 413, 415, 421, 422, 500, 503] as const;
const telling = [401, 403, 421] as const;

/** Every route, in the order of the documents. */
export const routes: readonly Route[] = [
  ...(["", "/models/{name}"] as const).flatMap((prefix): Route[] => [
    {
      path: `${prefix}/predict`,
      method: "post",
      summary: prefix ? "Predictions of a model for images" : "The same, for the only model",
      refusals: asking,
      answer: { schema: "Predictions" },
      asks: "predict",
    },
    {
      path: `${prefix}/embed`,
      method: "post",
      summary: prefix ? "Features of a model for images" : "The same, for the only model",
      refusals: asking,
      answer: { schema: "Embeddings" },
      asks: "embed",
    },
  ]),
  {
    path: "/models",
    method: "get",
    summary: "The models and their classes",
    refusals: telling,
    answer: { schema: "Models" },
  },
  {
    path: "/health",
    method: "get",
    summary: "Whether the process is alive (no token)",
    refusals: [403, 421],
    answer: { schema: "Status" },
  },
  {
    path: "/ready",
    method: "get",
    summary: "Whether the server accepts requests (no token); 503 while it shuts down",
    refusals: [403, 421, 503],
    answer: { schema: "Status" },
  },
  {
    path: "/metrics",
    method: "get",
    summary: "Counts and times, for Prometheus",
    refusals: telling,
    answer: { text: "text/plain" },
  },
  {
    path: "/openapi.json",
    method: "get",
    summary: "This document",
    refusals: telling,
    answer: { schema: "Document" },
  },
];

const string: Json = { type: "string" };
const number: Json = { type: "number" };
const list = (items: Json): Json => ({ type: "array", items });
const object = (properties: Json, optional: readonly string[] = []): Json => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const score = object({ label: string, probability: number });
const fileName: Json = { type: "string", description: "The file name, if the request has one." };
const unread: Json = { type: "string", description: "Why this image could not be read; the others have predictions." };

const unknown: Json = {
  type: "boolean",
  description: "Whether the image is unlike the training images (out of distribution); then its label is not reliable.",
};

/** One entry: the answer, or the reason why there is none. */
const entry = (answer: Json, optional: readonly string[] = []): Json => ({
  oneOf: [
    object({ name: fileName, ...answer }, ["name", ...optional]),
    object({ name: fileName, error: unread }, ["name"]),
  ],
});

const schemas: Json = {
  Predictions: object({
    model: string,
    predictions: list(
      entry({ label: string, probability: number, top: list(score), unknown, novelty: number, set: list(string) }, [
        "unknown",
        "novelty",
        "set",
      ]),
    ),
  }),
  Embeddings: object({ model: string, embeddings: list(entry({ features: list(number) })) }),
  Models: object({
    models: list(object({ name: string, classes: list(string), sha256: string, loadedAt: string })),
  }),
  Status: object({ status: string, models: list(string) }, ["models"]),
  Document: { type: "object" },
  Error: object({ error: { type: "string", description: "One sentence: the cause and the remedy." } }),
};

const base64: Json = { type: "string", contentEncoding: "base64", description: "Base64, or a data: URL." };

function requestBody({ maxImages }: Limits): Json {
  const binary: Json = { schema: { type: "string", format: "binary" } };
  return {
    required: true,
    content: {
      "image/*": binary,
      "application/octet-stream": binary,
      "multipart/form-data": {
        schema: {
          type: "object",
          additionalProperties: list({ type: "string", format: "binary" }),
          description: `Up to ${maxImages} files, whatever their fields are called.`,
        },
      },
      "application/json": {
        schema: { oneOf: [object({ image: base64 }), object({ images: { ...list(base64), maxItems: maxImages } })] },
      },
    },
  };
}

function operation(route: Route, models: readonly ModelVersion[], limits: Limits): Json {
  const json = (name: string): Json => ({ "application/json": { schema: { $ref: `#/components/schemas/${name}` } } });
  const content = "schema" in route.answer ? json(route.answer.schema) : { [route.answer.text]: { schema: string } };
  const name = { name: "name", in: "path", required: true, schema: { enum: models.map((model) => model.name) } };
  const top = { name: "top", in: "query", schema: { type: "integer", minimum: 1, default: DEFAULT_TOP } };
  return {
    summary: route.summary,
    requestBody: route.asks ? requestBody(limits) : undefined,
    parameters: [...(route.path.includes("{name}") ? [name] : []), ...(route.asks === "predict" ? [top] : [])],
    responses: {
      200: { description: "The answer.", content },
      ...Object.fromEntries(
        route.refusals.map((status) => [status, { description: refusals[status], content: json("Error") }]),
      ),
    },
    security: /^\/(health|ready)$/.test(route.path) ? [] : undefined,
  };
}

/** The document. `hasToken` says whether a bearer token is asked for. */
export function openApi(models: readonly ModelVersion[], limits: Limits, hasToken: boolean): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "Graft",
      version: graftVersion,
      description: `Trained image classifiers over HTTP. A body may have ${limits.maxBodyBytes / 1e6} MB, an image ${limits.maxPixels / 1e6} megapixels, a request ${limits.maxImages} images.`,
    },
    security: hasToken ? [{ token: [] }] : undefined,
    paths: Object.fromEntries(
      routes.map((route) => [route.path, { [route.method]: operation(route, models, limits) }]),
    ),
    components: {
      schemas,
      securitySchemes: hasToken ? { token: { type: "http", scheme: "bearer" } } : undefined,
    },
  };
}
