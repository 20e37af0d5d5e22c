/**
 * Charts as inline SVG, drawn by Observable Plot in its own document, without a browser; also the confusion matrix as a heat
 * map. Colours are CSS variables of the page, so that one drawing serves light, dark and print.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Html, html, percent, shorten } from "./html.ts";
import { heatLevel, heatThresholds } from "./style-sheet.ts";

/** How a chart adapts to the width of the page: keeps its size, shrinks but never grows, or fills it. */
export type Fit = "fixed" | "shrinking" | "wide";

/** Draws a chart. `label` says in words what it shows. */
export function chart(options: Plot.PlotOptions, { label, fit }: { label: string; fit: Fit }): Html {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = Plot.plot({ ...options, document });
  // The page's style sheet covers what Plot's own style block says.
  svg.querySelector("style")?.remove();
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("class", `chart ${fit}`);
  return new Html(svg.outerHTML);
}

// The confusion matrix as a heat map: one row per true class, coloured by the share of the row.

/**
 * The side of a cell in pixels, whether counts fit in it, and whether a phone may shrink it, by the maximum number of classes.
 */
const sizes = [
  { upTo: 6, cell: 56, counts: true, font: 13, fit: "shrinking" },
  { upTo: 12, cell: 42, counts: true, font: 13, fit: "fixed" },
  { upTo: 24, cell: 28, counts: true, font: 11, fit: "fixed" },
  { upTo: 50, cell: 15, counts: false, font: 11, fit: "fixed" },
] as const;

/** The maximum number of classes of a readable heat map. */
export const heatMapLimit = sizes.at(-1)!.upTo;
const LABEL_LENGTH = 18;

/** Draws `confusion` `[truth][prediction]`, with its legend. */
export function heatMap(classes: readonly string[], confusion: readonly (readonly number[])[]): Html {
  const { cell, counts, font, fit } = sizes.find(({ upTo }) => classes.length <= upTo) ?? sizes.at(-1)!;
  const cells = confusion.flatMap((row, truth) => {
    const support = row.reduce((sum, value) => sum + value, 0);
    return row.map((value, prediction) => {
      const share = support === 0 ? 0 : value / support;
      return { truth, prediction, value, share, level: heatLevel(share) };
    });
  });
  const labels = classes.map((name) => shorten(name, LABEL_LENGTH));
  const margin = Math.max(48, 22 + 0.6 * font * Math.max(...labels.map(textWidth)));
  const width = Math.ceil(classes.length * cell + margin + 24);
  const names = (i: number): string => labels[i]!;
  const svg = chart(
    {
      width,
      height: width,
      marginTop: 24,
      marginRight: 24,
      marginBottom: margin,
      marginLeft: margin,
      padding: cell > 20 ? 0.06 : 0.04,
      style: { fontSize: `${font}px` },
      color: { type: "identity" },
      x: { type: "band", domain: classes.keys(), tickFormat: names, tickRotate: -90, tickSize: 0, label: null },
      y: { type: "band", domain: classes.keys(), tickFormat: names, tickSize: 0, label: null },
      marks: [
        Plot.cell(cells, {
          x: "prediction",
          y: "truth",
          rx: cell > 20 ? 3 : 1.5,
          fill: ({ level }: Cell) => `var(--heat-${level})`,
          title: (d: Cell) =>
            d.value === 0
              ? null
              : `${classes[d.truth]} predicted as ${classes[d.prediction]}: ${d.value} (${percent(d.share)})`,
        }),
        ...(counts
          ? [
              Plot.text(
                cells.filter(({ value }) => value > 0),
                {
                  x: "prediction",
                  y: "truth",
                  text: ({ value }: Cell) => String(value),
                  fill: ({ level }: Cell) => `var(--heat-ink-${level})`,
                  fontWeight: 500,
                  pointerEvents: "none",
                },
              ),
            ]
          : []),
      ],
    },
    { label: `Heat map of ${classes.length} true classes (rows) by predicted class (columns)`, fit },
  );
  return html`<div class="map" style="--width: ${width}px"><div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">${svg}</div>${legend()}</div>`;
}

type Cell = { truth: number; prediction: number; value: number; share: number; level: number };

/** A rough width in characters: wide scripts and emoji take two. */
const textWidth = (text: string): number =>
  [...text].reduce((sum, character) => sum + (character.codePointAt(0)! > 0x2e80 ? 1.7 : 1), 0);

function legend(): Html {
  const items = heatThresholds.map((threshold, level) => {
    const words = level === 0 ? "none" : level === 1 ? `under ${heatThresholds[2]! * 100}%` : `${threshold * 100}%+`;
    return html`<li><span style="--swatch: var(--heat-${level})"></span>${words}</li>`;
  });
  return html`<ul class="key legend" aria-label="Colour: share of the row">${items}</ul>`;
}
