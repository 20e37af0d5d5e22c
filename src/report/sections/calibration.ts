/** Whether the probabilities mean what they say, before and after the temperature. */
import * as Plot from "@observablehq/plot";
import type { ReliabilityBin } from "../../evaluate/evaluation.ts";
import type { ReportInput } from "../../run/report-input.ts";
import { chart } from "../chart.ts";
import { percent } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { Section } from "../section.ts";

export const calibrationSection: Section = (input) => {
  const { calibration } = input;
  return {
    id: "calibration",
    title: "How far to trust its probabilities",
    body: html`
<p class="lead">When a calibrated model says 80%, it is right 8 times in 10. Each dot gathers the images that got about the same
probability, larger for more images. On the line: honest. Below it: too sure. Above it: too timid.</p>
<div class="pair">
<figure>${diagram("Before", calibration.binsBefore, "var(--muted)")}<figcaption>As trained: expected calibration error ${percent(calibration.eceBefore)}</figcaption></figure>
<figure>${diagram("After", calibration.binsAfter, "var(--accent)")}<figcaption>As in the model file, at temperature ${temperature(calibration)}: ${percent(calibration.eceAfter)}</figcaption></figure>
</div>
<p style="margin-top: 1.5rem">${explanation(input)}</p>`,
  };
};

const temperature = ({ temperature }: ReportInput["calibration"]): string => temperature.toPrecision(3);

const bounds: Readonly<Record<"none" | "lowest" | "highest", string>> = {
  none: "",
  lowest:
    " The search ended at its lowest temperature, because the head makes hardly a mistake on these images: do not read the probabilities as certainties.",
  highest:
    " The search ended at its highest temperature, because the head’s answers carry nothing on these images: do not rely on them.",
};

function explanation({ calibration, validation }: ReportInput): string {
  const { eceBefore, eceAfter, bound = "none" } = calibration;
  const direction = calibration.temperature >= 1 ? "less" : "more";
  const on =
    validation.source !== "cross-validation"
      ? "the validation images"
      : "cross-validated answers to the training images";
  const change =
    eceAfter <= eceBefore
      ? `brings the expected calibration error (the mean distance from the line) from ${percent(eceBefore)} to ${percent(eceAfter)}`
      : `takes the expected calibration error (the mean distance from the line) from ${percent(eceBefore)} to ${percent(eceAfter)}: it is chosen for the least log loss, which is not quite the same`;
  return `All logits are divided by one number, the temperature ${temperature(calibration)}, fitted on ${on}. It makes every answer sound ${direction} sure, changes none of them, and ${change}.${bounds[bound]}`;
}

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
