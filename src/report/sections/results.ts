/** The sections on how good the model is: accuracy with its interval and baseline, results by class, and the confusion matrix. */

import { type ClassScores, FEW_EXAMPLES, mostConfusedPairs } from "../../metrics/evaluation.ts";
import type { ReportInput } from "../../run/report-input.ts";
import { heatMap, heatMapLimit } from "../chart.ts";
import { bar, count, folded, type Html, html, percent, percentRange, plural } from "../html.ts";
import { type LeadEvaluation, leadEvaluation, type Section } from "../page-shell.ts";

/** Below this many images the report explains why the interval is wide. */
const FEW_IMAGES = 100;

export const headlineSection: Section = (input) => {
  const found = leadEvaluation(input);
  const { accuracy, interval, balancedAccuracy, baseline, correct, examples } = found.evaluation;
  return {
    id: "accuracy",
    title: "Accuracy",
    body: html`
<div class="score">
<div>
<p class="value">${percent(accuracy)}</p>
<p class="what">${found.name[0]!.toUpperCase()}${found.name.slice(1)} accuracy · ${count(correct)} of ${count(examples)} correct</p>
</div>
<dl class="aside">
<div><dt>95% interval</dt><dd>${percentRange(interval)}</dd></div>
<div><dt>Balanced accuracy</dt><dd>${percent(balancedAccuracy)}</dd></div>
${baseline && html`<div><dt>Baseline: always “${baseline.class}”</dt><dd>${percent(baseline.accuracy)}</dd></div>`}
</dl>
</div>
<div class="strip" aria-hidden="true"><i style="--from: ${interval[0]}; --to: ${interval[1]}"></i>${
      baseline && html`<b class="baseline" style="--at: ${baseline.accuracy}"></b>`
    }<b style="--at: ${accuracy}"></b></div>
<div class="scale" aria-hidden="true"><span>0%</span><span>50%</span><span>100%</span></div>
<ul class="key" aria-hidden="true">
<li><span class="line"></span>this model</li>
<li><span style="--swatch: color-mix(in srgb, var(--accent) 45%, var(--surface))"></span>95% interval</li>
${baseline && html`<li><span class="line" style="--swatch: var(--muted)"></span>always “${baseline.class}”</li>`}
</ul>
<p class="verdict">${meaning(found)}</p>
<p class="lead">${caveats(input, found).join(" ")}</p>`,
  };
};

/** What the accuracy means for new images, and whether it beats the baseline. */
function meaning({ evaluation, images }: LeadEvaluation): string {
  const { interval, baseline } = evaluation;
  const [low, high] = interval.map((share) => Math.round(share * 100));
  const expected = low === high ? `${low}` : `${low} to ${high}`;
  const sentence = `Of 100 new images like these, expect ${expected} on average to be predicted correctly (95% interval, from ${images}).`;
  if (baseline === null) return sentence;
  const always = `always predicting “${baseline.class}”, the most frequent class in training, reaches ${percent(baseline.accuracy)}`;
  if (interval[0] > baseline.accuracy) return `${sentence} By comparison, ${always}.`;
  if (interval[1] < baseline.accuracy) return `${sentence} This is worse than no model at all: ${always}.`;
  return `${sentence} This does not prove that the model has learned anything: ${always}.`;
}

const validationNames: Readonly<Record<ReportInput["validation"]["source"], string>> = {
  folder: "the validation images",
  "held-out": "the images held out of the training images, which selected the epoch,",
  "cross-validation": "the training images, by cross-validation",
};

/** How copies and groups affect the accuracy. */
function copies({ straddling, groups }: ReportInput["dataset"]): string[] {
  const said: string[] = [];
  if (straddling) {
    const { images, without } = straddling;
    said.push(
      `${plural(images, "test image has", "test images have")} a copy among the training or validation images. ${
        without
          ? `Without them the accuracy is ${percent(without.accuracy)} (${percentRange(without.interval)}).`
          : "No test image is new to the model, so this accuracy says nothing about new images."
      }`,
    );
  }
  if (groups && groups.inseparable.length > 0)
    said.push(
      `All images of ${groups.inseparable.map((name) => `“${name}”`).join(", ")} belong to one group, so the figures of that class say nothing about other recordings.`,
    );
  return said;
}

function caveats({ dataset, validation, test }: ReportInput, { evaluation, isTest }: LeadEvaluation): string[] {
  const source =
    dataset.testSource === "folder"
      ? "The test images are from a separate folder. Nothing was chosen or fitted on them."
      : "The test images were held out of the dataset at random, class by class, with copies and recordings kept together. Nothing was chosen or fitted on them.";
  const chosen = validation.source === "held-out" ? "the epoch and the temperature" : "the temperature";
  const without =
    validation.source !== "cross-validation"
      ? `There was no test set. These are the validation images, which also selected ${chosen}.`
      : "There was no test set. Each training image was predicted by a head that was fitted without it, but the same images selected the penalty and the temperature, so the accuracy may be slightly too high.";
  const name = validationNames[validation.source];
  return [
    test ? source : without,
    ...copies(dataset),
    ...(isTest
      ? [`On ${name}, accuracy is ${percent(validation.accuracy)} (${percentRange(validation.interval)}).`]
      : []),
    ...(evaluation.examples < FEW_IMAGES ? ["The interval is wide because there are few images."] : []),
  ];
}

// Recall, precision and F1 of each class, worst first.

/** Classes shown before the others are folded away. */
const SHOWN = 20;

export const classesSection: Section = (input) => {
  const { evaluation, images } = leadEvaluation(input);
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

/** Worst F1 first, then worst recall; classes without images come last. */
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

// The confusion matrix, or the most confused pairs.

/** Pairs listed beside a heat map, and without one. */
const PAIRS = 8;
const PAIRS_ALONE = 30;

export const confusionSection: Section = (input) => {
  const { evaluation, images } = leadEvaluation(input);
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
