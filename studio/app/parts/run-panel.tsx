/** A running, stopped or failed training: progress, speed, remaining time, learning curves. */
import type { JSX } from "preact";
import type { RunInfo, RunState } from "../../../src/studio/api.ts";
import { bytes, count, depthOf, lastPart, rate, timeLeft } from "../format.ts";
import { attempt } from "../messages.ts";
import { server } from "../server.ts";
import { noteRun } from "../state.ts";
import { Bar } from "./bar.tsx";
import { Curve } from "./curve.tsx";

export function RunPanel({ run }: { readonly run: RunInfo }): JSX.Element {
  const { id, settings, state, epochs, notes } = run;
  const name = `${lastPart(settings.network)}, ${depthOf(settings.unfreeze)}`;
  return (
    <section class="panel run" aria-labelledby="run-title">
      <header>
        <h2 id="run-title">
          {titles[state.kind]}: {name}
        </h2>
        {state.kind === "running" ? (
          <button type="button" onClick={() => void attempt(() => server.stop(id))}>
            Stop
          </button>
        ) : (
          <span class="actions">
            <button
              type="button"
              class="primary"
              onClick={() => void attempt(async () => noteRun(await server.resume(id)))}
            >
              Resume
            </button>
            <button type="button" class="quiet" onClick={() => void attempt(() => server.removeRun(id))}>
              Discard
            </button>
          </span>
        )}
      </header>
      {state.kind === "failed" ? <p role="alert">{state.reason}</p> : null}
      {state.kind === "stopped" ? (
        <p class="muted">The results so far are kept. Resume continues where the training stopped.</p>
      ) : null}
      {state.kind === "running" ? <Stage state={state} /> : null}
      {epochs.length > 0 ? (
        <div class="pair curves">
          <Curve
            title="Loss"
            about="on training images, lower is better"
            points={epochs.map(({ epoch, loss }) => ({ x: epoch, y: loss }))}
            format={(value) => value.toFixed(2)}
          />
          <Curve
            title="Accuracy"
            about="on validation images"
            points={epochs.map(({ epoch, validationAccuracy }) => ({ x: epoch, y: validationAccuracy }))}
            format={(value) => `${(100 * value).toFixed(0)}%`}
            most={1}
          />
        </div>
      ) : settings.unfreeze === "none" && state.kind === "running" ? (
        <p class="muted small">The head is fitted in one step, so there are no learning curves.</p>
      ) : null}
      {notes.length > 0 ? (
        <details>
          <summary>Notes ({notes.length})</summary>
          <ul>
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </details>
      ) : null}
    </section>
  );
}

const titles: Readonly<Record<RunState["kind"], string>> = {
  running: "Training",
  stopped: "Stopped",
  failed: "Failed",
  done: "Done",
};

function Stage({ state }: { readonly state: Extract<RunState, { kind: "running" }> }): JSX.Element {
  const { progress } = state;
  if (!progress) {
    return (
      <>
        <p aria-live="polite">Starting…</p>
        <Bar at={undefined} label="Starting" />
      </>
    );
  }
  const { stage, done, total, unit, ratePerSecond, secondsLeft } = progress;
  const amount = unit === "bytes" ? bytes : count;
  return (
    <>
      <p aria-live="polite">{stage}</p>
      <Bar at={total === undefined ? undefined : done / Math.max(1, total)} label={stage} />
      <dl class="aside facts">
        <div>
          <dt>Done</dt>
          <dd>
            {amount(done)}
            {total === undefined ? "" : ` of ${amount(total)}`} {unit === "bytes" ? "" : unit}
          </dd>
        </div>
        <div>
          <dt>Speed</dt>
          <dd>
            {ratePerSecond > 0
              ? `${unit === "bytes" ? bytes(ratePerSecond) : `${rate(ratePerSecond)} ${unit}`}/s`
              : "–"}
          </dd>
        </div>
        <div>
          <dt>Time left in this stage</dt>
          <dd>{secondsLeft === undefined ? "–" : timeLeft(secondsLeft)}</dd>
        </div>
      </dl>
    </>
  );
}
