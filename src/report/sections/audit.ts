/** The audit's findings, the most severe first, with their images. */

import type { ReportFinding } from "../../run/report-input.ts";
import { count, percent, plural } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { Section } from "../section.ts";

export const auditSection: Section = ({ findings, labels, dataset }) => {
  if (!findings) return null;
  if (findings.length === 0)
    return {
      id: "data",
      title: "Data quality",
      body: html`<p>The audit found no problems: no copies across splits, no labels that look wrong, no shortcuts, no off-topic images.</p>
${labels ? html`<p>${labels}</p>` : null}`,
    };
  return {
    id: "data",
    title: "Data quality",
    body: html`<p class="lead">${plural(findings.length, "finding")} of the audit, which checks all images, including test images. <code>graft audit ${dataset.path} --fix</code> moves the
affected images aside, and can move them back.</p>
${labels ? html`<p>${labels}</p>` : null}
${findings.map(finding)}`,
  };
};

function finding({ title, advice, severity, confidence, pictures, total }: ReportFinding): Html {
  const rest = total - pictures.length;
  return html`<h3>${title}</h3>
<p class="lead">${severity[0]!.toUpperCase()}${severity.slice(1)}, confidence ${percent(confidence)}. ${advice}</p>
${
  pictures.length > 0
    ? html`<ul class="gallery">${pictures.map(
        ({ thumbnail, path, label, why, confidence: sure }) => html`<li><figure>
${thumbnail && html`<img src="data:image/jpeg;base64,${thumbnail}" alt="An image labelled ${label}: ${why}" loading="lazy" decoding="async">`}
<figcaption><strong>${label}</strong> ${percent(sure)}<br>${why}<small>${path}</small></figcaption></figure></li>\n`,
      )}</ul>`
    : null
}
${rest > 0 ? html`<p class="lead">…and ${count(rest)} more: <code>graft audit</code> lists them all.</p>` : null}
`;
}
