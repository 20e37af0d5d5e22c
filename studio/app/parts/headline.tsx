/** How good a model is: accuracy, its interval, and the baseline. The same as in the report. */
import type { JSX } from "preact";
import type { RunSummary } from "../../../src/studio/api.ts";
import { count, percent, percentRange, plural } from "../format.ts";

/** Below this many test images the page explains why the interval is wide. */
const FEW_IMAGES = 100;

export function Headline({ summary }: { readonly summary: RunSummary }): JSX.Element {
  const { accuracy, interval, baseline, balancedAccuracy, counts, testedOn } = summary;
  const [low, high] = interval.map((share) => Math.round(100 * share));
  const isProof = !baseline || interval[0] > baseline.accuracy;
  return (
    <section aria-labelledby="accuracy-title">
      <h2 id="accuracy-title">Accuracy</h2>
      <div class="score">
        <div>
          <p class="value" data-testid="accuracy">
            {percent(accuracy)}
          </p>
          <p class="what">
            Test accuracy · {count(Math.round(accuracy * counts.test))} of {count(counts.test)} correct
          </p>
        </div>
        <dl class="aside">
          <div>
            <dt>95% interval</dt>
            <dd>{percentRange(interval)}</dd>
          </div>
          <div>
            <dt>Balanced accuracy</dt>
            <dd>{percent(balancedAccuracy)}</dd>
          </div>
          {baseline ? (
            <div>
              <dt>Baseline: always “{baseline.class}”</dt>
              <dd>{percent(baseline.accuracy)}</dd>
            </div>
          ) : null}
        </dl>
      </div>
      <Strip summary={summary} />
      <p class="verdict">
        Of 100 new images like these, expect {low === high ? low : `${low} to ${high}`} to be predicted correctly.
        {isProof ? "" : " This does not prove that the model is better than the baseline. Test it on more images."}
      </p>
      <p class="lead">
        Measured on {plural(counts.test, "image")} that took no part in the training
        {testedOn === "folder" ? ", from the project's test folder" : ", held out at random"}.
        {counts.test < FEW_IMAGES ? " The interval is wide because there are few test images." : ""}
      </p>
    </section>
  );
}

/** The accuracy on a scale from 0 to 100%, with its interval and the baseline. */
export function Strip({ summary }: { readonly summary: RunSummary }): JSX.Element {
  const { accuracy, interval, baseline } = summary;
  return (
    <div class="strip" aria-hidden="true">
      <i style={{ "--from": interval[0], "--to": interval[1] }} />
      {baseline ? <b class="baseline" style={{ "--at": baseline.accuracy }} /> : null}
      <b style={{ "--at": accuracy }} />
    </div>
  );
}
