/** All trainings, newest first. Two or more can be selected for comparison. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import type { RunState } from "../../../src/studio/api.ts";
import { depthOf, lastPart, moment, percent } from "../format.ts";
import { go, hrefOf } from "../route.ts";
import { runs } from "../state.ts";

const chosen = signal<ReadonlySet<string>>(new Set());

export function RunList({ current }: { readonly current: string | undefined }): JSX.Element {
  const all = runs.value!;
  const ids = all.filter(({ id, state }) => chosen.value.has(id) && state.kind === "done").map(({ id }) => id);
  return (
    <nav class="run-list" aria-label="Trainings">
      <ul>
        {all.map(({ id, settings, createdAt, state }) => (
          <li key={id}>
            <a href={hrefOf("results", id)} aria-current={id === current ? "page" : undefined}>
              <span class="name">
                {lastPart(settings.network)}
                <small>
                  {depthOf(settings.unfreeze)}, {moment(createdAt)}
                </small>
              </span>
              <span class="number">{wordOf(state)}</span>
            </a>
            {state.kind === "done" && all.length > 1 ? (
              <label class="compare-box">
                <input
                  type="checkbox"
                  aria-label={`Compare ${lastPart(settings.network)} of ${moment(createdAt)}`}
                  checked={chosen.value.has(id)}
                  onChange={(event) => {
                    const next = new Set(chosen.value);
                    if (event.currentTarget.checked) next.add(id);
                    else next.delete(id);
                    chosen.value = next;
                  }}
                />
              </label>
            ) : null}
          </li>
        ))}
      </ul>
      {all.length > 1 ? (
        <button type="button" disabled={ids.length < 2} onClick={() => go("compare", ids.join(","))}>
          {ids.length < 2 ? "Select two to compare" : `Compare ${ids.length}`}
        </button>
      ) : null}
    </nav>
  );
}

const wordOf = (state: RunState): string =>
  state.kind === "done"
    ? percent(state.summary.accuracy)
    : { running: "running", stopped: "stopped", failed: "failed" }[state.kind];
