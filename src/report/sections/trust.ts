/** When to doubt an answer: pictures of something else, and the classes that cannot be ruled out. */
import { accuracyInterval } from "../../evaluate/interval.ts";
import { count, percent, percentRange, plural } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";
import { factTable } from "../table.ts";

export const trustSection: Section = ({ trust }) => {
  if (!trust) return null;
  const { novelty, conformal, falseAlarms, sets } = trust;
  return {
    id: "doubt",
    title: "When to doubt it",
    body: html`<p class="lead">A picture of something else gets an answer too, and often a sure one. So the model also says how unlike its training
pictures a picture is (output <code>novelty</code>), and which classes it cannot rule out.</p>
<div class="pair">
${factTable("Pictures of something else", [
  ["Unknown above", html`novelty ${novelty.threshold.toFixed(3)}`],
  ["What it measures", `cosine distance to the nearest training pictures, that of number ${novelty.neighbours}`],
  ["False alarms promised", `${percent(novelty.falseAlarmRate)}, fitted on ${plural(novelty.fittedOn, "picture")}`],
  [
    "On the test images",
    `${count(falseAlarms.count)} of ${count(falseAlarms.asked)} called unknown (95% interval ${percentRange(accuracyInterval(falseAlarms.count, falseAlarms.asked))})`,
  ],
])}
${factTable("Sets of classes", [
  ["Promise", `the true class is in ${percent(conformal.coverage)} of the sets`],
  ["Calibrated on", plural(conformal.calibratedOn, "image")],
  ["In a set", html`classes of at least ${percent(conformal.threshold)}`],
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
