/** Uncertainty: images that are unlike the training images, and conformal sets. */
import { accuracyInterval } from "../../evaluate/interval.ts";
import type { ReportTrust } from "../../run/report-input.ts";
import { count, percent, percentRange, plural } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";
import { factTable } from "../table.ts";

export const trustSection: Section = ({ trust }) => {
  if (!trust) return null;
  const { novelty, alarms, conformal, promise, falseAlarms, sets } = trust;
  return {
    id: "doubt",
    title: "Uncertainty",
    body: html`<p class="lead">The model predicts a class for every image, even for one that shows something else, and often with high probability. So it also computes
an out-of-distribution score (output <code>novelty</code>), which says how unlike the training images an image is, and the set of classes that it cannot rule out.</p>
<div class="pair">
${factTable("Unknown images", [
  [
    "Unknown if",
    alarms.enough ? html`<code>novelty</code> is above ${novelty.threshold.toFixed(3)}` : "never, see below",
  ],
  [
    "Score",
    `cosine distance to training image number ${novelty.neighbours} in order of distance, plus the log odds against the prediction; 0 is typical`,
  ],
  ["Expected false alarms", alarmsText(novelty, alarms)],
  [
    "On the test images",
    `${count(falseAlarms.count)} of ${count(falseAlarms.asked)} called unknown (95% interval ${percentRange(accuracyInterval(falseAlarms.count, falseAlarms.asked))})`,
  ],
])}
${factTable("Conformal sets", [
  ["Guarantee", promiseText(conformal, promise)],
  ["Calibrated on", plural(conformal.calibratedOn, "image")],
  ["A set contains", promise.enough ? html`classes of at least ${percent(conformal.threshold)}` : "every class"],
  ["On the test images", `${percent(sets.covered)} contain the true class`],
  [
    "Classes per set",
    `${sets.size.toFixed(2)} on average; exactly one in ${percent(sets.single)}, none in ${percent(sets.empty)}`,
  ],
])}
</div>
<p class="lead">The guarantees hold for images like the training images. An empty set means that even the most probable class is less probable than correct predictions usually are.</p>`,
  };
};

/** The expected rate of false alarms, and how certain it is. */
export function alarmsText(
  { falseAlarmRate, fittedOn }: ReportTrust["novelty"],
  { enough, interval }: ReportTrust["alarms"],
): string {
  const rate = percent(falseAlarmRate);
  return enough
    ? `${rate} on average, fitted on ${plural(fittedOn, "image")} (${percentRange(interval)} in 95% of such trainings)`
    : `none: ${plural(fittedOn, "image")} cannot guarantee ${rate}, so no image is called unknown. This needs ${Math.ceil(1 / falseAlarmRate) - 1} images that the model was not trained on.`;
}

/** The guaranteed coverage of sets, and how certain it is. */
export function promiseText(
  { coverage, calibratedOn }: ReportTrust["conformal"],
  { enough, interval }: ReportTrust["promise"],
): string {
  const share = percent(coverage);
  return enough
    ? `the true class is in ${share} of the sets on average (${percentRange(interval)} in 95% of such trainings)`
    : `none: ${plural(calibratedOn, "image")} cannot guarantee ${share}, so every set contains all classes. This needs ${Math.ceil(coverage / (1 - coverage) - 1e-9)} images.`;
}
