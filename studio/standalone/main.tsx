/** The entry point of the stand-alone page. Everything that it needs is in the document. model.ts runs the model. */
import "virtual:graft-style.css";
import "./standalone.css";
import { render } from "preact";
import type { StandaloneFacts } from "../../src/studio/api.ts";
import { loadModel } from "./model.ts";
import { Page } from "./page.tsx";

const text = (id: string): string => document.getElementById(id)?.textContent ?? "";

/** Decodes base64 from the document and removes it there, to free its memory. */
async function bytesOf(id: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetchless(text(id));
  document.getElementById(id)?.remove();
  return response;
}

/** Decodes base64 without a request, a slice at a time: one call for 100 MB would need three times the memory. */
async function fetchless(base64: string): Promise<Uint8Array<ArrayBuffer>> {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((base64.length / 4) * 3 - padding);
  const slice = 1 << 20;
  for (let from = 0, to = 0; from < base64.length; from += slice) {
    const binary = atob(base64.slice(from, from + slice));
    for (let i = 0; i < binary.length; i++) bytes[to++] = binary.charCodeAt(i);
    // Keep the page responsive in the meantime.
    if (from % (16 * slice) === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  return bytes;
}

const facts = JSON.parse(text("facts")) as StandaloneFacts;
const model = (async () => loadModel(await bytesOf("model"), await bytesOf("runtime")))();
render(<Page facts={facts} model={model} />, document.getElementById("page")!);
