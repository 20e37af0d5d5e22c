/** The page for people at `/docs`: the same as the OpenAPI document says, to be read. It fetches nothing. */
import { graftVersion } from "../base/version.ts";
import { refusals } from "../http/refusal.ts";
import { type Html, html } from "../report/html.ts";
import { renderPage } from "../report/shell.ts";
import type { Limits } from "./limits.ts";
import type { ModelVersion } from "./models.ts";
import { routes } from "./openapi.ts";

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
