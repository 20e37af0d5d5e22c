/** How good the model is: accuracy, its interval and the baseline, as numbers and in words. */

import type { ReportInput } from "../../run/report-input.ts";
import { count, percent, percentRange, plural } from "../format.ts";
import { html } from "../html.ts";
import { type Judged, judged, type Section } from "../section.ts";

/** Below this many images the report explains why the interval is wide. */
const FEW_IMAGES = 100;

export const headlineSection: Section = (input) => {
  const found = judged(input);
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
function meaning({ evaluation, images }: Judged): string {
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

function caveats({ dataset, validation, test }: ReportInput, { evaluation, isTest }: Judged): string[] {
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
