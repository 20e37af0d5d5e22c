/** What the audit found in the data, the gravest first, with its pictures. */

import type { ReportFinding } from "../../run/report-input.ts";
import { count, percent, plural } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { Section } from "../section.ts";

export const auditSection: Section = ({ findings, labels, dataset }) => {
  if (!findings) return null;
  if (findings.length === 0)
    return {
      id: "data",
      title: "What is in the data",
      body: html`<p>The audit found nothing wrong: no copies across splits, no labels that look wrong, no shortcuts, no pictures of something else.</p>
${labels ? html`<p>${labels}</p>` : null}`,
    };
  return {
    id: "data",
    title: "What is in the data",
    body: html`<p class="lead">${plural(findings.length, "finding")} of the audit, of all pictures, the test’s too. <code>graft audit ${dataset.path} --fix</code> moves the pictures
in question aside, and can move them back.</p>
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
${thumbnail && html`<img src="data:image/jpeg;base64,${thumbnail}" alt="A picture labelled ${label}: ${why}" loading="lazy" decoding="async">`}
<figcaption><strong>${label}</strong> ${percent(sure)}<br>${why}<small>${path}</small></figcaption></figure></li>\n`,
      )}</ul>`
    : null
}
${rest > 0 ? html`<p class="lead">…and ${count(rest)} more: <code>graft audit</code> names them all.</p>` : null}
`;
}
