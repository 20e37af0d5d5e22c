/**
 * The style sheet of Graft's pages: colours for light and dark (greys and one accent, from which the heat map's steps are
 * mixed), and the CSS. Fetches nothing.
 */

/** One theme. */
export interface Palette {
  readonly paper: string;
  /** Behind code and table headers. */
  readonly surface: string;
  readonly ink: string;
  readonly muted: string;
  readonly rule: string;
  readonly accent: string;
}

export const lightPalette: Palette = {
  paper: "#fdfdfb",
  surface: "#f4f4ef",
  ink: "#171b19",
  muted: "#5b645f",
  rule: "#dcded8",
  accent: "#17694a",
};

export const darkPalette: Palette = {
  paper: "#111412",
  surface: "#1a1e1c",
  ink: "#e6eae7",
  muted: "#9aa49e",
  rule: "#303633",
  accent: "#74d3a4",
};

/** The share of its row from which a cell of the heat map has each step; the first step is for exactly none. */
export const heatThresholds: readonly number[] = [0, 0, 0.02, 0.05, 0.1, 0.25, 0.5, 0.8];
const heatMix: readonly number[] = [0, 0.1, 0.18, 0.27, 0.37, 0.47, 0.72, 1];

/** The step of the heat map (0 … 7) for a share in [0, 1]. */
export const heatLevel = (share: number): number =>
  share === 0 ? 0 : heatThresholds.findLastIndex((threshold) => share >= threshold);

/** The heat map's steps: a background, and the more readable of the theme's two extremes for text. */
export function heatSteps({ paper, surface, ink, accent }: Palette): { readonly fill: string; readonly ink: string }[] {
  return heatMix.map((share) => {
    const fill = mix(share === 0 ? surface : paper, accent, share);
    return { fill, ink: contrast(fill, ink) >= contrast(fill, paper) ? ink : paper };
  });
}

/** The palette as CSS custom properties. */
export function cssVariables(palette: Palette): string {
  const steps = heatSteps(palette).flatMap(({ fill, ink }, i) => [`--heat-${i}: ${fill};`, `--heat-ink-${i}: ${ink};`]);
  return [...Object.entries(palette).map(([name, color]) => `--${name}: ${color};`), ...steps].join(" ");
}

// Arithmetic on `#rrggbb` colours: mixing, and the contrast that WCAG asks for.

const channels = (color: string): number[] =>
  [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16));

/** The colour `share` of the way from one to another, in sRGB. */
export function mix(from: string, to: string, share: number): string {
  const target = channels(to);
  const mixed = channels(from).map((value, i) => Math.round(value + (target[i]! - value) * share));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** Contrast ratio of two colours, 1 … 21. Source: WCAG 2.2, "contrast ratio" and "relative luminance". */
export function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

function luminance(color: string): number {
  const [red, green, blue] = channels(color).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

// The style sheet. Colours come from the palettes; nothing is fetched.

const base = `
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55; font-size: 1rem;
  font-family: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main, header.page, footer.page { width: min(100% - 2.5rem, 54rem); margin-inline: auto; }
header.page { padding-top: clamp(2rem, 6vw, 4.5rem); }
main { display: grid; gap: clamp(3rem, 7vw, 5rem); padding-block: clamp(1.75rem, 4vw, 2.75rem) 4rem; }
main > section { min-width: 0; }
footer.page { padding-block: 1.5rem 3rem; border-top: 1px solid var(--rule); color: var(--muted); font-size: .8125rem; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; overflow-wrap: anywhere; margin: 0; font-weight: 640; }
h1 { font-size: clamp(1.75rem, 4.5vw, 2.5rem); letter-spacing: -.02em; }
h2 { font-size: 1.375rem; letter-spacing: -.012em; margin-bottom: .5rem; }
h3 { font-size: 1rem; margin: 2rem 0 .5rem; }
p { margin: 0 0 1rem; max-width: 42rem; text-wrap: pretty; overflow-wrap: break-word; }
p.lead { color: var(--muted); }
.eyebrow { color: var(--muted); font-size: .8125rem; margin: 0 0 .75rem; }
.subtitle { color: var(--muted); margin: .75rem 0 0; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .8125rem; }
code { overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
`;

const tables = `
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9375rem; }
caption { text-align: left; color: var(--muted); font-size: .875rem; padding-bottom: .625rem; }
th, td { text-align: left; vertical-align: baseline; padding: .5rem .75rem; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-weight: 500; font-size: .8125rem; color: var(--muted); vertical-align: bottom; overflow-wrap: normal; }
tbody th { font-weight: 400; }
th.number, td.number { text-align: right; white-space: nowrap; }
table.facts { table-layout: fixed; }
table.facts th { width: 11rem; color: var(--muted); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 2.5rem 3rem; align-items: start; }
.beside { display: flex; flex-wrap: wrap; gap: 2rem 3rem; align-items: flex-start; }
.beside > figure { max-width: 100%; }
.map { width: max(var(--width), 17rem); max-width: 100%; }
.beside > div { flex: 1 1 18rem; min-width: 0; }
.scroll { overflow-x: auto; }
`;

const headline = `
.score { margin-top: 1.25rem; display: grid; grid-template-columns: auto 1fr; gap: 1.25rem 3.5rem; align-items: end; margin-bottom: 1.75rem; }
.score .value { font-size: clamp(3.5rem, 11vw, 5.5rem); line-height: 1; letter-spacing: -.045em; font-weight: 600; color: var(--accent); font-variant-numeric: tabular-nums; margin: 0; }
.score .what { margin: .5rem 0 0; color: var(--muted); font-size: .9375rem; }
dl.aside { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 0; font-variant-numeric: tabular-nums; }
dl.aside dt { color: var(--muted); font-size: .8125rem; overflow-wrap: anywhere; }
dl.aside dd { margin: .125rem 0 0; font-size: 1.1875rem; font-weight: 560; white-space: nowrap; }
.strip { position: relative; height: .75rem; margin: 0 0 .375rem; background: var(--surface); border-radius: 999px; box-shadow: inset 0 0 0 1px var(--rule); }
.strip i { position: absolute; inset-block: 0; left: calc(var(--from) * 100%); width: calc((var(--to) - var(--from)) * 100%); min-width: 4px; background: var(--accent); opacity: .45; border-radius: 999px; }
.strip b { position: absolute; top: -.3125rem; bottom: -.3125rem; left: calc(var(--at) * 100%); width: 3px; margin-left: -1.5px; background: var(--accent); border-radius: 2px; }
.strip b.baseline { background: var(--muted); width: 2px; margin-left: -1px; }
.scale { display: flex; justify-content: space-between; color: var(--muted); font-size: .75rem; font-variant-numeric: tabular-nums; margin-bottom: .5rem; }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; color: var(--muted); font-size: .8125rem; margin: 0 0 1.75rem; padding: 0; list-style: none; }
.key li { display: inline-flex; align-items: center; gap: .4375rem; overflow-wrap: anywhere; }
.key span { flex: none; display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; background: var(--swatch, var(--accent)); }
.key span.line { width: 3px; border-radius: 2px; height: 1rem; }
.verdict { font-size: 1.125rem; }
`;

const figures = `
figure { margin: 0; min-width: 0; }
figcaption { color: var(--muted); font-size: .875rem; margin-top: .75rem; }
svg { display: block; font-family: inherit; font-variant-numeric: tabular-nums; overflow: visible; }
svg.wide { width: 100%; max-width: 28rem; height: auto; }
svg.shrinking { max-width: 100%; height: auto; }
.bar { display: block; height: 4px; margin-top: .3125rem; border-radius: 2px; background: var(--rule); overflow: hidden; }
.bar i { display: block; height: 100%; width: calc(var(--at) * 100%); background: var(--accent); border-radius: 2px; }
.bar.soft i { background: var(--muted); }
table.classes { table-layout: fixed; }
table.classes th:first-child { width: 36%; }
table.classes th:last-child { width: 13%; }
table.classes .range { display: block; color: var(--muted); font-size: .75rem; white-space: nowrap; }
.legend { margin-top: .5rem; }
.legend span { box-shadow: inset 0 0 0 1px var(--rule); }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--accent); padding-block: .375rem; font-size: .9375rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(9.5rem, 44%), 1fr)); gap: 1.75rem 1.25rem; list-style: none; margin: 0; padding: 0; }
.gallery img { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; background: var(--surface); }
.gallery figcaption { margin-top: .5rem; line-height: 1.35; overflow-wrap: anywhere; }
.gallery strong { color: var(--ink); font-weight: 600; }
.gallery small { display: block; font-size: .75rem; margin-top: .25rem; }
pre { margin: 0; padding: 1rem 1.125rem; overflow-x: auto; background: var(--surface); border-radius: 8px; line-height: 1.6; tab-size: 2; }
`;

const narrow = `
@media (max-width: 36rem) {
  main, header.page, footer.page { width: min(100% - 2rem, 54rem); }
  .score { grid-template-columns: 1fr; }
  th, td { padding-inline: .375rem; }
  table { font-size: .875rem; }
  table.facts th { width: 7.5rem; }
  table.classes th, table.classes td { padding-inline: .1875rem; }
  table.classes thead th { font-size: .75rem; }
  table.classes th:first-child { width: 29%; padding-left: 0; }
  table.classes th:last-child { width: 15%; }
  .beside { gap: 1.5rem; }
}
@media print {
  body { font-size: 10pt; background: #fff; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main, .beside { display: block; }
  main > section { margin-top: 2.25rem; }
  main, header.page, footer.page { width: 100%; }
  h2, h3, p.lead, caption { break-after: avoid; }
  .pair { grid-template-columns: 1fr 1fr; gap: 1.5rem; }
  table.facts th { width: 7rem; }
  th, td { padding-block: .3125rem; }
  p, tr, figure, .score, .gallery li, .beside table { break-inside: avoid; }
  .scroll { overflow: visible; }
  .scroll svg { max-width: 100%; height: auto; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
`;

const theme = [
  `:root { color-scheme: light dark; ${cssVariables(lightPalette)} }`,
  `@media screen and (prefers-color-scheme: dark) { :root { ${cssVariables(darkPalette)} } }`,
].join("\n");

/** The parts that other pages of Graft share with the report: colours, type, tables, the accuracy's strip, figures. */
export const sharedStyle: string = [theme, base, tables, headline, figures].join("\n");

/** The whole style sheet. Printing is always light. */
export const styleSheet: string = [sharedStyle, narrow].join("\n");
