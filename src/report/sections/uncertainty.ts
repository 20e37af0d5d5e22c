/** The sections on how certain predictions are: calibration, out-of-distribution scores and conformal sets. */
import * as Plot from "@observablehq/plot";
import type { Estimate, ReliabilityBin } from "../../metrics/calibrate.ts";
import { accuracyInterval } from "../../metrics/intervals.ts";
import type { ReportInput, ReportUncertainty } from "../../run/report-input.ts";
import { chart } from "../chart.ts";
import { count, factTable, type Html, html, percent, percentRange, plural } from "../html.ts";
import type { Section } from "../page-shell.ts";

export const calibrationSection: Section = (input) => {
  const { calibration } = input;
  const { test } = calibration;
  const [before, after] = test ? [test.before.bins, test.after.bins] : [calibration.binsBefore, calibration.binsAfter];
  return {
    id: "calibration",
    title: "Calibration",
    body: html`
<p class="lead">When a calibrated model says 80%, it is right 8 times in 10. Each dot stands for the images with about the same
probability; a larger dot has more images. On the line, the model is calibrated. Below it, the model is overconfident; above it, underconfident.</p>
<div class="pair">
<figure>${diagram("Before", before, "var(--muted)")}<figcaption>As trained: expected calibration error ${error(input, "before")}</figcaption></figure>
<figure>${diagram("After", after, "var(--accent)")}<figcaption>In the model file, with temperature ${temperature(calibration)}: ${error(input, "after")}</figcaption></figure>
</div>
<p style="margin-top: 1.5rem">${explanation(input)}</p>
${test ? html`<p>${measured(test)}</p>` : null}`,
  };
};

const temperature = ({ temperature }: ReportInput["calibration"]): string => temperature.toPrecision(3);

/** The calibration error, with its interval if there are test images. */
function error({ calibration }: ReportInput, when: "before" | "after"): string {
  const ece = calibration.test?.[when].ece;
  if (!ece) return percent(when === "before" ? calibration.eceBefore : calibration.eceAfter);
  return `${percent(ece.value)} (${percentRange(ece.interval)})`;
}

const bounds: Readonly<Record<"none" | "lowest" | "highest", string>> = {
  none: "",
  lowest:
    " The search ended at its lowest temperature: the head is strongly underconfident, possibly because its L2 penalty is too large.",
  highest:
    " The search ended at its highest temperature, because the head’s predictions contain no information on these images. Do not rely on them.",
};

function explanation({ calibration, validation }: ReportInput): string {
  const { bound = "none", errors, examples } = calibration;
  const on =
    validation.source !== "cross-validation"
      ? "the validation images"
      : "cross-validated predictions for the training images";
  const effect =
    calibration.temperature === 1
      ? "changes no probability, because these images do not show that another one is better"
      : `makes every prediction ${calibration.temperature > 1 ? "less" : "more"} confident, without changing the predicted class`;
  const few =
    errors === 0
      ? ` All ${examples === undefined ? "" : `${count(examples)} `}of them were predicted correctly. That shows that errors are rare, but not how rare, so no prediction becomes more confident.`
      : "";
  return `All logits are divided by one number, the temperature ${temperature(calibration)}, fitted on ${on}. It ${effect}.${few}${bounds[bound]}`;
}

/** The effect on images that took no part in fitting. */
function measured({ examples, before, after }: NonNullable<ReportInput["calibration"]["test"]>): string {
  const pair = (name: "logLoss" | "brier"): string =>
    [before, after].map((scores) => figure(scores[name])).join(" before, ");
  return `On ${plural(examples, "test image")}, which took no part in fitting (95% intervals): calibration error ${figure(after.ece)}, log loss ${pair("logLoss")} after calibration, Brier score ${pair("brier")} after calibration.`;
}

const figure = ({ value, interval }: Estimate): string =>
  `${value.toFixed(3)} (${interval[0].toFixed(3)}–${interval[1].toFixed(3)})`;

/** A reliability diagram: confidence across, accuracy up, with the gap to the diagonal as a line. */
function diagram(name: string, bins: readonly ReliabilityBin[], color: string): Html {
  const filled = bins.filter(({ count }) => count > 0);
  const axis = { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: "%", tickSize: 0, tickPadding: 8 };
  return chart(
    {
      width: 360,
      height: 330,
      marginTop: 28,
      marginRight: 18,
      marginBottom: 46,
      marginLeft: 46,
      style: { fontSize: "12px" },
      x: { ...axis, label: "predicted probability", labelAnchor: "center", labelArrow: "none", labelOffset: 42 },
      y: { ...axis, label: "share correct", labelArrow: "none" },
      r: { range: [3, 11], domain: [1, Math.max(2, ...bins.map(({ count }) => count))] },
      marks: [
        Plot.gridY([0, 0.25, 0.5, 0.75, 1], { stroke: "var(--rule)", strokeOpacity: 1 }),
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          { stroke: "var(--muted)", strokeDasharray: "3 4" },
        ),
        Plot.ruleX(filled, { x: "confidence", y1: "confidence", y2: "accuracy", stroke: color, strokeOpacity: 0.6 }),
        Plot.dot(filled, {
          x: "confidence",
          y: "accuracy",
          r: "count",
          fill: color,
          fillOpacity: 0.85,
          stroke: "var(--paper)",
          title: ({ count, confidence, accuracy }: ReliabilityBin) =>
            `${count} images: probability ${percent(confidence)}, ${percent(accuracy)} correct`,
        }),
      ],
    },
    { label: `${name} temperature scaling: share of correct predictions against predicted probability`, fit: "wide" },
  );
}

// Out-of-distribution scores and conformal sets.

export const uncertaintySection: Section = ({ trust }) => {
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
  { falseAlarmRate, fittedOn }: ReportUncertainty["novelty"],
  { enough, interval }: ReportUncertainty["alarms"],
): string {
  const rate = percent(falseAlarmRate);
  return enough
    ? `${rate} on average, fitted on ${plural(fittedOn, "image")} (${percentRange(interval)} in 95% of such trainings)`
    : `none: ${plural(fittedOn, "image")} cannot guarantee ${rate}, so no image is called unknown. This needs ${Math.ceil(1 / falseAlarmRate) - 1} images that the model was not trained on.`;
}

/** The guaranteed coverage of sets, and how certain it is. */
export function promiseText(
  { coverage, calibratedOn }: ReportUncertainty["conformal"],
  { enough, interval }: ReportUncertainty["promise"],
): string {
  const share = percent(coverage);
  return enough
    ? `the true class is in ${share} of the sets on average (${percentRange(interval)} in 95% of such trainings)`
    : `none: ${plural(calibratedOn, "image")} cannot guarantee ${share}, so every set contains all classes. This needs ${Math.ceil(coverage / (1 - coverage) - 1e-9)} images.`;
}
