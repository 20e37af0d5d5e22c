/** Which classes are taken for which. */
import { mostConfusedPairs } from "../../evaluate/mistakes.ts";
import { count, percent, plural } from "../format.ts";
import { type Html, html } from "../html.ts";
import { judged, type Section } from "../section.ts";
import { heatMap, heatMapLimit } from "./heat-map.ts";

/** Pairs listed beside a heat map, and without one. */
const PAIRS = 8;
const PAIRS_ALONE = 30;

export const confusionSection: Section = (input) => {
  const { evaluation, images } = judged(input);
  const { confusion } = evaluation;
  const classes = input.dataset.classes;
  const drawn = classes.length <= heatMapLimit;
  return {
    id: "confusion",
    title: "Confusion matrix",
    body: html`
<p class="lead">${
      drawn
        ? `Rows are true classes, columns are predictions, from ${images}. A stronger colour is a larger share of the row. A perfect model colours only the diagonal.`
        : `A matrix of ${count(classes.length)} classes would be too large to read. These are the pairs that are confused most often, from ${images}.`
    }</p>
<div class="beside">${drawn ? html`<figure>${heatMap(classes, confusion)}</figure>` : null}
<div>${pairs(classes, confusion, drawn ? PAIRS : PAIRS_ALONE)}</div></div>`,
  };
};

function pairs(classes: readonly string[], confusion: readonly (readonly number[])[], limit: number): Html {
  const all = mostConfusedPairs(confusion, Number.POSITIVE_INFINITY);
  if (all.length === 0) return html`<p>The model confuses no classes.</p>`;
  const rows = all.slice(0, limit).map(
    ({ truth, prediction, count: times, share }) => html`<tr><td>${classes[truth]!}</td><td>${classes[prediction]!}</td>
<td class="number">${count(times)}</td><td class="number">${percent(share)}</td></tr>\n`,
  );
  const caption =
    all.length > limit
      ? `The ${limit} most frequent confusions of ${count(all.length)}`
      : `${plural(all.length, "confused pair")} of classes, the most frequent first`;
  return html`<table><caption>${caption}</caption>
<thead><tr><th scope="col">True class</th><th scope="col">Predicted as</th><th scope="col" class="number">Count</th><th scope="col" class="number">Share of the class</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}
