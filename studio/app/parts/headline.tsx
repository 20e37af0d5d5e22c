/** How good a model is: one number, its interval, and the answer that needs no model. As the report has it. */
import type { JSX } from "preact";
import type { RunSummary } from "../../../src/studio/api.ts";
import { count, percent, percentRange, plural } from "../words.ts";

/** Below this many pictures the interval is wide because they are few. */
const FEW_PICTURES = 100;

export function Headline({ summary }: { readonly summary: RunSummary }): JSX.Element {
  const { accuracy, interval, baseline, balancedAccuracy, counts, testedOn } = summary;
  const [low, high] = interval.map((share) => Math.round(100 * share));
  const isProof = !baseline || interval[0] > baseline.accuracy;
  return (
    <section aria-labelledby="accuracy-title">
      <h2 id="accuracy-title">How good it is</h2>
      <div class="score">
        <div>
          <p class="value" data-testid="accuracy">
            {percent(accuracy)}
          </p>
          <p class="what">
            Test accuracy · {count(Math.round(accuracy * counts.test))} of {count(counts.test)} right
          </p>
        </div>
        <dl class="aside">
          <div>
            <dt>95% interval</dt>
            <dd>{percentRange(interval)}</dd>
          </div>
          <div>
            <dt>Mean over classes</dt>
            <dd>{percent(balancedAccuracy)}</dd>
          </div>
          {baseline ? (
            <div>
              <dt>Always “{baseline.class}”</dt>
              <dd>{percent(baseline.accuracy)}</dd>
            </div>
          ) : null}
        </dl>
      </div>
      <Strip summary={summary} />
      <p class="verdict">
        Of every 100 new pictures like these, expect {low === high ? low : `${low} to ${high}`} to be named rightly.
        {isProof ? "" : " That is no proof that it has learned anything: more pictures would tell."}
      </p>
      <p class="lead">
        Measured on {plural(counts.test, "picture")} that took no part in the training
        {testedOn === "folder" ? ", from the project's test folder" : ", held out at random"}.
        {counts.test < FEW_PICTURES ? " The interval is wide because they are few; more would narrow it." : ""}
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
