/** When to doubt an answer: pictures of something else, and the classes that cannot be ruled out. */
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
    title: "When to doubt it",
    body: html`<p class="lead">A picture of something else gets an answer too, and often a sure one. So the model also says how unlike its training
pictures a picture is (output <code>novelty</code>), and which classes it cannot rule out.</p>
<div class="pair">
${factTable("Pictures of something else", [
  ["Unknown above", alarms.enough ? html`novelty ${novelty.threshold.toFixed(3)}` : "never: see below"],
  [
    "What it measures",
    `cosine distance to the nearest training pictures, that of number ${novelty.neighbours}, and the log odds against the answer; 0 is usual`,
  ],
  ["False alarms promised", alarmsText(novelty, alarms)],
  [
    "On the test images",
    `${count(falseAlarms.count)} of ${count(falseAlarms.asked)} called unknown (95% interval ${percentRange(accuracyInterval(falseAlarms.count, falseAlarms.asked))})`,
  ],
])}
${factTable("Sets of classes", [
  ["Promise", promiseText(conformal, promise)],
  ["Calibrated on", plural(conformal.calibratedOn, "image")],
  ["In a set", promise.enough ? html`classes of at least ${percent(conformal.threshold)}` : "every class"],
  ["On the test images", `${percent(sets.covered)} hold the true class`],
  [
    "Classes in a set",
    `${sets.size.toFixed(2)} on average; one in ${percent(sets.single)}, none in ${percent(sets.empty)}`,
  ],
])}
</div>
<p class="lead">The promises are for pictures like those it was trained on. A set without a class says that even the best answer is less sure than right answers usually are.</p>`,
  };
};

/** What is promised of false alarms, and how sure that is. */
export function alarmsText(
  { falseAlarmRate, fittedOn }: ReportTrust["novelty"],
  { enough, interval }: ReportTrust["alarms"],
): string {
  const rate = percent(falseAlarmRate);
  return enough
    ? `${rate} on average, fitted on ${plural(fittedOn, "picture")} (in 95% of such trainings ${percentRange(interval)})`
    : `none: ${plural(fittedOn, "picture")} cannot promise ${rate}, so no picture is called unknown. It takes ${Math.ceil(1 / falseAlarmRate) - 1} that it was not trained on.`;
}

/** What is promised of sets, and how sure that is. */
export function promiseText(
  { coverage, calibratedOn }: ReportTrust["conformal"],
  { enough, interval }: ReportTrust["promise"],
): string {
  const share = percent(coverage);
  return enough
    ? `the true class is in ${share} of the sets on average (in 95% of such trainings ${percentRange(interval)})`
    : `none: ${plural(calibratedOn, "image")} cannot promise ${share}, so every set holds all classes. It takes ${Math.ceil(coverage / (1 - coverage) - 1e-9)} images.`;
}
