/** The files that were not used, and why. */
import { count, plural } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";

/** Files listed; the others are counted. */
const LISTED = 100;

export const skippedSection: Section = ({ skipped }) => {
  if (skipped.length === 0) return null;
  const rows = skipped
    .slice(0, LISTED)
    .map(({ path, reason }) => html`<tr><td><code>${path}</code></td><td>${reason}</td></tr>\n`);
  const rest = skipped.length - rows.length;
  return {
    id: "skipped",
    title: "Files left out",
    body: html`
<p class="lead">${plural(skipped.length, "file")} could not be used and took no part in training or testing.</p>
<table><caption>${rest > 0 ? `The first ${LISTED} of ${count(skipped.length)} files` : "All files, with the reason"}</caption>
<thead><tr><th scope="col">File</th><th scope="col">Reason</th></tr></thead>
<tbody>${rows}</tbody></table>
${rest > 0 ? html`<p class="lead">…and ${plural(rest, "more file")}, not listed here.</p>` : null}`,
  };
};
