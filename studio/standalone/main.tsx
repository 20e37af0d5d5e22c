/** The stand-alone page: everything it needs is in the document. What runs the model is in model.ts. */
import "virtual:graft-style.css";
import "./standalone.css";
import { render } from "preact";
import type { StandaloneFacts } from "../../src/studio/export/facts.ts";
import { loadModel } from "./model.ts";
import { Page } from "./page.tsx";

const text = (id: string): string => document.getElementById(id)?.textContent ?? "";

/** Takes base64 out of the document and gives its memory back. */
async function bytesOf(id: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetchless(text(id));
  document.getElementById(id)?.remove();
  return response;
}

/** Base64 → bytes without a request, a slice at a time: one call for 100 MB would take three times the memory. */
async function fetchless(base64: string): Promise<Uint8Array<ArrayBuffer>> {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((base64.length / 4) * 3 - padding);
  const slice = 1 << 20;
  for (let from = 0, to = 0; from < base64.length; from += slice) {
    const binary = atob(base64.slice(from, from + slice));
    for (let i = 0; i < binary.length; i++) bytes[to++] = binary.charCodeAt(i);
    // The page must not seem dead meanwhile.
    if (from % (16 * slice) === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  return bytes;
}

const facts = JSON.parse(text("facts")) as StandaloneFacts;
const model = (async () => loadModel(await bytesOf("model"), await bytesOf("runtime")))();
render(<Page facts={facts} model={model} />, document.getElementById("page")!);
