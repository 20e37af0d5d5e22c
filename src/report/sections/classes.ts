/** Recall, precision and F1 of each class, worst first. */
import { type ClassScores, FEW_EXAMPLES } from "../../evaluate/evaluation.ts";
import { count, percent, percentRange } from "../format.ts";
import { type Html, html } from "../html.ts";
import { judged, type Section } from "../section.ts";
import { bar, folded } from "../table.ts";

/** Classes shown before the others are folded away. */
const SHOWN = 20;

export const classesSection: Section = (input) => {
  const { evaluation, images } = judged(input);
  const sorted = evaluation.perClass.toSorted((a, b) => rank(a) - rank(b));
  const shown = sorted.length <= SHOWN + 5 ? sorted.length : SHOWN;
  const rest = sorted.length - shown;
  const few = sorted.filter(({ few, support }) => few && support > 0).length;
  const absent = sorted.filter(({ recall }) => recall === null).length;
  return {
    id: "classes",
    title: "Results by class",
    body: html`
<p class="lead">Recall is the share of a class’s images that the model finds. Precision is the share of its predictions of a class that are correct.
F1 is their harmonic mean. In brackets: the 95% interval of the recall. Lowest F1 first, from ${images}.${
      few > 0
        ? ` ${few === sorted.length ? "All" : count(few)} of the classes ${few === 1 ? "has" : "have"} fewer than ${FEW_EXAMPLES} of these images, marked *: too few for a reliable recall.`
        : ""
    }${absent > 0 ? ` Classes without any of these images (${count(absent)}) show a dash.` : ""}</p>
${table(rest > 0 ? `The ${shown} worst of ${sorted.length} classes` : `${sorted.length} classes, the worst first`, sorted.slice(0, shown))}
${folded(rest, `Show the other ${rest} classes`, table(`The other ${rest} classes, the worst first`, sorted.slice(shown)))}`,
  };
};

/** Worst F1 first, then worst recall; classes that were not judged come last. */
const rank = ({ f1, recall }: ClassScores): number => (f1 === null || recall === null ? 10 : f1 + recall * 1e-6);

function table(caption: string, classes: readonly ClassScores[]): Html {
  const measure = (share: number | null, kind: "accent" | "soft"): Html =>
    html`<td class="number">${percent(share)}${bar(share ?? 0, kind)}</td>`;
  const range = (interval: ClassScores["recallInterval"]): Html | null =>
    interval && html` <span class="range">(${percentRange(interval)})</span>`;
  const rows = classes.map(
    ({ name, recall, recallInterval, precision, f1, support, few }) => html`<tr><th scope="row">${name}</th>
<td class="number">${percent(recall)}${range(recallInterval)}${bar(recall ?? 0, "soft")}</td>${measure(precision, "soft")}${measure(f1, "accent")}<td class="number">${count(support)}${few && support > 0 ? "*" : ""}</td></tr>\n`,
  );
  return html`<table class="classes"><caption>${caption}</caption>
<thead><tr><th scope="col">Class</th><th scope="col" class="number">Recall</th><th scope="col" class="number">Precision</th><th scope="col" class="number">F1</th><th scope="col" class="number">Images</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}
