/** The reliability diagram: do probabilities match how often predictions are correct? */
import type { JSX } from "preact";
import type { ReliabilityBin } from "../../../src/metrics/calibrate.ts";
import type { RunResults } from "../../../src/studio/api.ts";
import { percent, plural } from "../format.ts";

const [SIDE, LEFT, BOTTOM, EDGE] = [320, 42, 40, 12];
const ticks = [0, 0.25, 0.5, 0.75, 1];

const x = (share: number): number => LEFT + (SIDE - LEFT - EDGE) * share;
const y = (share: number): number => EDGE + (SIDE - BOTTOM - EDGE) * (1 - share);

export function Reliability({ results }: { readonly results: RunResults }): JSX.Element {
  const { test, calibration } = results;
  const bins = test.reliability.filter(({ count }) => count > 0);
  const most = Math.max(...bins.map(({ count }) => count));
  return (
    <section aria-labelledby="reliability-title">
      <h2 id="reliability-title">Calibration</h2>
      <div class="beside">
        <figure class="reliability">
          <svg
            class="chart wide"
            viewBox={`0 0 ${SIDE} ${SIDE}`}
            role="img"
            aria-label="Share of correct predictions against predicted probability"
          >
            {ticks.map((tick) => (
              <g key={tick}>
                <line x1={x(0)} x2={x(1)} y1={y(tick)} y2={y(tick)} class="grid-line" />
                <text x={x(0) - 8} y={y(tick) + 4} text-anchor="end">
                  {100 * tick}%
                </text>
                <text x={x(tick)} y={y(0) + 18} text-anchor="middle">
                  {100 * tick}%
                </text>
              </g>
            ))}
            <line x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} class="diagonal" />
            {bins.map((bin) => (
              <Dot key={bin.lower} bin={bin} most={most} />
            ))}
            <text x={x(0.5)} y={SIDE - 4} text-anchor="middle">
              predicted probability
            </text>
          </svg>
        </figure>
        <div>
          <p>
            When a calibrated model says 80%, it is right 8 times in 10. Each dot stands for the test images with about
            the same probability; a larger dot has more images. On the line, the model is calibrated. Below it, the
            model is overconfident; above it, underconfident.
          </p>
          <p>
            The expected calibration error, which is the mean distance from the line, is{" "}
            <strong>{percent(test.calibrationError)}</strong> on the test images. The model's logits are divided by a
            temperature of {calibration.temperature.toPrecision(3)}, which was fitted on images that the head was not
            trained on.
          </p>
        </div>
      </div>
    </section>
  );
}

function Dot({ bin, most }: { readonly bin: ReliabilityBin; readonly most: number }): JSX.Element {
  const { count, confidence, accuracy } = bin;
  const tooltip = `${plural(count, "image")}: probability ${percent(confidence)}, ${percent(accuracy)} correct`;
  return (
    <g>
      <line x1={x(confidence!)} x2={x(confidence!)} y1={y(confidence!)} y2={y(accuracy!)} class="gap" />
      <circle cx={x(confidence!)} cy={y(accuracy!)} r={3 + 8 * Math.sqrt(count / most)} class="point">
        <title>{tooltip}</title>
      </circle>
    </g>
  );
}
