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
    title: "What it confuses",
    body: html`
<p class="lead">${
      drawn
        ? `Each row is a true class, each column an answer, of ${images}; the stronger the colour, the larger the share of the row. A perfect model colours only the diagonal.`
        : `A map of ${count(classes.length)} classes could not be read, so here are the pairs confused most often, of ${images}.`
    }</p>
<div class="beside">${drawn ? html`<figure>${heatMap(classes, confusion)}</figure>` : null}
<div>${pairs(classes, confusion, drawn ? PAIRS : PAIRS_ALONE)}</div></div>`,
  };
};

function pairs(classes: readonly string[], confusion: readonly (readonly number[])[], limit: number): Html {
  const all = mostConfusedPairs(confusion, Number.POSITIVE_INFINITY);
  if (all.length === 0) return html`<p>It confused nothing.</p>`;
  const rows = all.slice(0, limit).map(
    ({ truth, prediction, count: times, share }) => html`<tr><td>${classes[truth]!}</td><td>${classes[prediction]!}</td>
<td class="number">${count(times)}</td><td class="number">${percent(share)}</td></tr>\n`,
  );
  const caption =
    all.length > limit
      ? `The ${limit} pairs confused most often, of ${count(all.length)}`
      : `${plural(all.length, "pair")} of classes confused, the most frequent first`;
  return html`<table><caption>${caption}</caption>
<thead><tr><th scope="col">Is</th><th scope="col">Was called</th><th scope="col" class="number">Times</th><th scope="col" class="number">Of the class</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}
