/**
 * Charts as inline SVG, drawn by Observable Plot in a document of its own; no browser is needed.
 * Colours are CSS variables of the page, so that one drawing serves light, dark and paper.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Html } from "./html.ts";

/** How a chart takes a page of another width: keeps its size, shrinks but never grows, or fills it. */
export type Fit = "fixed" | "shrinking" | "wide";

/** Draws a chart. `label` says in words what it shows. */
export function chart(options: Plot.PlotOptions, { label, fit }: { label: string; fit: Fit }): Html {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = Plot.plot({ ...options, document });
  // Plot's own style block says nothing that the page's sheet does not.
  svg.querySelector("style")?.remove();
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("class", `chart ${fit}`);
  return new Html(svg.outerHTML);
}
