/**
 * Writes a stand-alone page: one HTML file with the model, the runtime and everything else in it, so that it runs from a disk
 * without a connection. `npm run build` makes its script, style and runtime from studio/standalone.
 */
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { workError } from "../base/errors.ts";
import { graftVersion } from "../base/version.ts";
import { Html, html } from "../report/html.ts";
import { cssVariables, darkPalette, lightPalette } from "../report/style-sheet.ts";
import type { RunInfo, StandaloneFacts } from "./api.ts";
import { files } from "./runs/record.ts";

export interface StandaloneInput {
  readonly run: RunInfo;
  readonly folder: string;
  /** The folder of the built script, style and runtime. */
  readonly standalone: string;
  readonly title: string;
}

/** Names of the built files. */
const built = { script: "standalone.js", style: "standalone.css", runtime: "ort-wasm-simd-threaded.wasm" } as const;

/** Nothing is fetched or sent; only the page's own script and WebAssembly run. */
const policy =
  "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src blob: data:; media-src blob: mediastream:; base-uri 'none'; form-action 'none'";

/** The page, piece by piece: the whole model is never in memory. */
export async function* standalonePage({ run, folder, standalone, title }: StandaloneInput): AsyncGenerator<string> {
  if (run.state.kind !== "done") throw workError("The training has no model yet.");
  const { summary } = run.state;
  const [script, style] = await Promise.all([read(standalone, built.script), read(standalone, built.style)]);
  const facts: StandaloneFacts = {
    title,
    classes: summary.classes,
    network: run.settings.network.split(/[/\\]/).at(-1)!,
    accuracy: summary.accuracy,
    interval: summary.interval,
    testPictures: summary.counts.test,
    modelBytes: (await stat(join(folder, files.model))).size,
    graft: graftVersion,
  };
  const colours = `:root { color-scheme: light dark; ${cssVariables(lightPalette)} }
@media (prefers-color-scheme: dark) { :root { ${cssVariables(darkPalette)} } }`;
  yield html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Html(colours)}
${new Html(style)}</style>
</head>
<body>
<div id="page"><p class="loading">Loading ${(facts.modelBytes / 1e6).toFixed(0)} MB…</p></div>
<script type="application/json" id="facts">${new Html(JSON.stringify(facts).replaceAll("<", "\\u003c"))}</script>
<script type="text/plain" id="model">`.markup;
  yield* base64(join(folder, files.model));
  yield '</script>\n<script type="text/plain" id="runtime">';
  yield* base64(join(standalone, built.runtime));
  // A script's text ends at the first "</script".
  yield `</script>\n<script>${script.replaceAll("</script", "<\\/script")}</script>\n</body>\n</html>\n`;
}

async function read(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), "utf8").catch((error: unknown) => {
    throw workError("The stand-alone page has not been built: run `npm run build` first.", error);
  });
}

/** A file in base64, in pieces of whole byte triples. */
async function* base64(path: string): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 3 << 18 }) as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const whole = bytes.length - (bytes.length % 3);
    rest = Buffer.from(bytes.subarray(whole));
    yield bytes.subarray(0, whole).toString("base64");
  }
  yield rest.toString("base64");
}
