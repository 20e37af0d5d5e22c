/** Whether the probabilities mean what they say, before and after the temperature. */
import * as Plot from "@observablehq/plot";
import type { Estimate } from "../../evaluate/bootstrap.ts";
import type { ReliabilityBin } from "../../evaluate/calibration-error.ts";
import type { ReportInput } from "../../run/report-input.ts";
import { chart } from "../chart.ts";
import { count, percent, percentRange, plural } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { Section } from "../section.ts";

export const calibrationSection: Section = (input) => {
  const { calibration } = input;
  const { test } = calibration;
  const [before, after] = test ? [test.before.bins, test.after.bins] : [calibration.binsBefore, calibration.binsAfter];
  return {
    id: "calibration",
    title: "How far to trust its probabilities",
    body: html`
<p class="lead">When a calibrated model says 80%, it is right 8 times in 10. Each dot gathers the images that got about the same
probability, larger for more images. On the line: honest. Below it: too sure. Above it: too timid.</p>
<div class="pair">
<figure>${diagram("Before", before, "var(--muted)")}<figcaption>As trained: expected calibration error ${error(input, "before")}</figcaption></figure>
<figure>${diagram("After", after, "var(--accent)")}<figcaption>As in the model file, at temperature ${temperature(calibration)}: ${error(input, "after")}</figcaption></figure>
</div>
<p style="margin-top: 1.5rem">${explanation(input)}</p>
${test ? html`<p>${measured(test)}</p>` : null}`,
  };
};

const temperature = ({ temperature }: ReportInput["calibration"]): string => temperature.toPrecision(3);

/** The calibration error, with its interval where the test images tell it. */
function error({ calibration }: ReportInput, when: "before" | "after"): string {
  const ece = calibration.test?.[when].ece;
  if (!ece) return percent(when === "before" ? calibration.eceBefore : calibration.eceAfter);
  return `${percent(ece.value)} (${percentRange(ece.interval)})`;
}

const bounds: Readonly<Record<"none" | "lowest" | "highest", string>> = {
  none: "",
  lowest: " The search ended at its lowest temperature: the head is far too timid, as one whose penalty is too strong.",
  highest:
    " The search ended at its highest temperature, because the head’s answers carry nothing on these images: do not rely on them.",
};

function explanation({ calibration, validation }: ReportInput): string {
  const { bound = "none", errors, examples } = calibration;
  const on =
    validation.source !== "cross-validation"
      ? "the validation images"
      : "cross-validated answers to the training images";
  const effect =
    calibration.temperature === 1
      ? "leaves every answer as it was: nothing on these images proves another right"
      : `makes every answer sound ${calibration.temperature > 1 ? "less" : "more"} sure and changes none of them`;
  const few =
    errors === 0
      ? ` All ${examples === undefined ? "" : `${count(examples)} `}of them were answered rightly, which says that errors are rare but not how rare: no answer is made surer by it.`
      : "";
  return `All logits are divided by one number, the temperature ${temperature(calibration)}, fitted on ${on}. It ${effect}.${few}${bounds[bound]}`;
}

/** What it does to answers that had no part in it. */
function measured({ examples, before, after }: NonNullable<ReportInput["calibration"]["test"]>): string {
  const pair = (name: "logLoss" | "brier"): string =>
    [before, after].map((scores) => figure(scores[name])).join(" as trained, ");
  return `On ${plural(examples, "test image")}, on which nothing was fitted (95% intervals): calibration error ${figure(after.ece)}, log loss ${pair("logLoss")} in the file, Brier score ${pair("brier")} in the file.`;
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
      x: { ...axis, label: "probability it gave", labelAnchor: "center", labelArrow: "none", labelOffset: 42 },
      y: { ...axis, label: "share right", labelArrow: "none" },
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
            `${count} images, ${percent(confidence)} sure, ${percent(accuracy)} right`,
        }),
      ],
    },
    { label: `${name} temperature scaling: share answered rightly against the probability given`, fit: "wide" },
  );
}
