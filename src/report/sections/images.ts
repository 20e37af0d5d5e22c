/**
 * The sections with images: confident mistakes (often mislabelled images), explanations, audit findings, and the files that
 * were not used.
 */

import type { ReportFinding } from "../../run/report-input.ts";
import { count, type Html, html, percent, plural } from "../html.ts";
import { leadEvaluation, type Section } from "../page-shell.ts";

export const mistakesSection: Section = (input) => {
  const { mistakes } = input;
  const { images, evaluation } = leadEvaluation(input);
  if (mistakes.length === 0) {
    const words = evaluation.correct === evaluation.examples ? "No mistakes" : "No images of mistakes were saved";
    return { id: "mistakes", title: "Most confident mistakes", body: html`<p>${words} on ${images}.</p>` };
  }
  const items = mistakes.map(
    ({ thumbnail, path, truth, prediction, probability }) => html`<li><figure>
<img src="data:image/jpeg;base64,${thumbnail}" alt="An image of ${truth} that was predicted as ${prediction}" loading="lazy" decoding="async">
<figcaption><strong>${prediction}</strong> ${percent(probability)}<br>label: ${truth}<small>${path}</small></figcaption></figure></li>\n`,
  );
  return {
    id: "mistakes",
    title: "Most confident mistakes",
    body: html`<p class="lead">Wrong predictions on ${images}, the most confident first, each with its probability and its label. Check the labels first: a confident mistake is often a mislabelled image.</p>
<ul class="gallery">${items}</ul>`,
  };
};

// Where the model looked: Grad-CAM overlays on some test images.

export const explanationsSection: Section = ({ explanations }) => {
  if (!explanations || explanations.length === 0) return null;
  return {
    id: "why",
    title: "Where the model looked",
    body: html`<p class="lead">Warm areas support the prediction (Grad-CAM). If the subject is cold and the background is warm, the model may have learned a shortcut:
see “Data quality”. <code>graft explain</code> makes these overlays for any image.</p>
<ul class="gallery">${explanations.map(
      ({ overlay, path, truth, prediction, probability }) => html`<li><figure>
<img src="data:image/jpeg;base64,${overlay}" alt="An image of ${truth}, with the areas that support ${prediction}" loading="lazy" decoding="async">
<figcaption><strong>${prediction}</strong> ${percent(probability)}<br>${truth === prediction ? "correct" : `label: ${truth}`}<small>${path}</small></figcaption></figure></li>\n`,
    )}</ul>`,
  };
};

// The audit's findings, the most severe first, with their images.

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

// The files that were not used, and why.

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
