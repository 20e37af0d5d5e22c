/**
 * The documentation of a server: the OpenAPI 3.1 document (`spec.openapis.org/oas/v3.1.0`) and the page at `/docs`, with its
 * routes, models and limits.
 */
import { graftVersion } from "../base/version.ts";
import { type RefusalStatus, refusals } from "../http/responses.ts";
import { type Html, html } from "../report/html.ts";
import { renderPage } from "../report/page-shell.ts";
import type { Limits } from "./limits.ts";
import type { ModelVersion } from "./models.ts";
import { DEFAULT_TOP } from "./prediction-routes.ts";

type Json = Readonly<Record<string, unknown>>;

/** A route of a model or of the server itself. */
interface Route {
  readonly path: string;
  readonly method: "get" | "post";
  readonly summary: string;
  /** The statuses that it refuses with. */
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

/** One entry: the result, or the reason why there is none. */
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

/** The document. `hasToken` says whether a bearer token is required. */
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

// The page at `/docs`: the OpenAPI document for people. It fetches nothing.

/** One HTML document. */
export function docsPage(models: readonly ModelVersion[], limits: Limits, hasToken: boolean): string {
  return renderPage({
    eyebrow: "graft serve",
    title: models.map(({ name }) => name).join(", "),
    subtitle: "Send images, get classes and probabilities.",
    parts: [
      { id: "ask", title: "Requests", body: examples(models, hasToken) },
      { id: "models", title: "Models", body: modelTable(models) },
      { id: "routes", title: "Routes", body: routeTable() },
      { id: "limits", title: "Limits", body: limitTable(limits) },
      { id: "refusals", title: "Errors", body: refusalTable() },
    ],
    footer: `Graft ${graftVersion}. For programs: /openapi.json.`,
  });
}

function examples(models: readonly ModelVersion[], hasToken: boolean): Html {
  const address = models.length === 1 ? "/predict" : `/models/${models[0]!.name}/predict`;
  const curl = hasToken ? "curl -H 'Authorization: Bearer TOKEN'" : "curl";
  const ways: readonly [string, string][] = [
    ["One image as the body", `${curl} -H 'Content-Type: image/jpeg' --data-binary @cat.jpg ADDRESS${address}`],
    ["Several as a form", `${curl} -F a=@cat.jpg -F b=@dog.jpg 'ADDRESS${address}?top=1'`],
    ["Base64 as JSON", `${curl} --json '{"images":["/9j/4AAQ…"]}' ADDRESS${address}`],
  ];
  return html`<p>Supported formats: JPEG, PNG, WebP, GIF, AVIF, TIFF and BMP. The content determines the format, not the file name.</p>
${ways.map(([what, command]) => html`<h3>${what}</h3><p><code>${command}</code></p>`)}
<h3>Response</h3><p><code>{"model":"${models[0]!.name}","predictions":[{"label":"${models[0]!.classes[0]!}","probability":0.93,"top":[…]}]}</code></p>`;
}

const table = (head: readonly string[], rows: readonly (readonly (string | Html)[])[]): Html =>
  html`<div class="scroll"><table><thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first, ...rest]) => html`<tr><th scope="row">${first!}</th>${rest.map((cell) => html`<td>${cell}</td>`)}</tr>`,
  )}</tbody></table></div>`;

const modelTable = (models: readonly ModelVersion[]): Html =>
  table(
    ["Name", "Classes", "Loaded", "SHA-256 of the file"],
    models.map(({ name, classes, loadedAt, sha256 }) => [
      name,
      classes.join(", "),
      loadedAt,
      html`<code>${sha256.slice(0, 16)}…</code>`,
    ]),
  );

const routeTable = (): Html =>
  table(
    ["Route", "Response"],
    routes.map(({ method, path, summary }) => [html`<code>${method.toUpperCase()} ${path}</code>`, summary]),
  );

function limitTable(limits: Limits): Html {
  const rows: readonly [string, string][] = [
    ["Size of a request", `${limits.maxBodyBytes / 1e6} MB`],
    ["Size of an image", `${limits.maxPixels / 1e6} megapixels`],
    ["Images per request", String(limits.maxImages)],
    ["Images in the queue", String(limits.maxQueue)],
    ["Time for a request to arrive, and for its response", `${limits.timeoutMs / 1000} s each`],
  ];
  return table(["Limit", "Maximum"], rows);
}

const refusalTable = (): Html =>
  table(
    ["Status", "When"],
    Object.entries(refusals).map(([status, when]) => [status, when]),
  );
