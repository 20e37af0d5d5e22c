/** Tables that several sections use. */
import { type Html, type HtmlValue, html } from "./html.ts";

/** A table of names and values. Rows whose value is null are left out. */
export function factTable(caption: string, facts: readonly (readonly [name: string, value: HtmlValue])[]): Html {
  const rows = facts
    .filter(([, value]) => value !== null)
    .map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`);
  return html`<table class="facts"><caption>${caption}</caption><tbody>
${rows}</tbody></table>`;
}

/** A thin bar for a share in [0, 1]. */
export const bar = (share: number, kind: "accent" | "soft" = "accent"): Html =>
  html`<span class="bar ${kind}" aria-hidden="true"><i style="--at: ${share}"></i></span>`;

/** A list of which the first are shown and the others folded away. */
export function folded(rest: number, summary: string, content: Html): Html | null {
  return rest > 0 ? html`<details><summary>${summary}</summary>${content}</details>` : null;
}
