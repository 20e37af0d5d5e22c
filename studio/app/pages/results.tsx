/** The results of a training: accuracy, confusions, mistakes, calibration, and exports. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { RunInfo, RunResults } from "../../../src/studio/api.ts";
import { depthOf, duration, lastPart, moment, plural } from "../format.ts";
import { attempt, say } from "../messages.ts";
import { ClassTable } from "../parts/class-table.tsx";
import { Confusion } from "../parts/confusion.tsx";
import { Exports } from "../parts/exports.tsx";
import { Headline } from "../parts/headline.tsx";
import { Mistakes } from "../parts/mistakes.tsx";
import { Reliability } from "../parts/reliability.tsx";
import { RunList } from "../parts/run-list.tsx";
import { RunPanel } from "../parts/run-panel.tsx";
import { Files } from "../parts/skipped-files.tsx";
import { go, hrefOf } from "../route.ts";
import { server } from "../server.ts";
import { runs } from "../state.ts";

export function Results({ run: id }: { readonly run: string | undefined }): JSX.Element {
  const all = runs.value!;
  const shown =
    id === undefined ? (all.find(({ state }) => state.kind === "done") ?? all[0]) : all.find((run) => run.id === id);
  if (all.length === 0) {
    return (
      <section class="welcome">
        <h1>No results yet</h1>
        <p class="lead">
          Once a model has been <a href={hrefOf("train")}>trained</a>, this page shows how good it is and where it makes
          mistakes.
        </p>
      </section>
    );
  }
  return (
    <div class="columns">
      <RunList current={shown?.id} />
      {shown ? <OneRun key={shown.id} run={shown} /> : <p class="empty">This training no longer exists.</p>}
    </div>
  );
}

function OneRun({ run }: { readonly run: RunInfo }): JSX.Element {
  if (run.state.kind !== "done") return <RunPanel run={run} />;
  return <Finished run={run} summary={run.state.summary} />;
}

type Summary = Extract<RunInfo["state"], { kind: "done" }>["summary"];

function Finished({ run, summary }: { readonly run: RunInfo; readonly summary: Summary }): JSX.Element {
  const [results, setResults] = useState<RunResults | null>(null);
  useEffect(() => {
    server.results(run.id).then(setResults, say.failure);
  }, [run.id]);
  const remove = async (): Promise<void> => {
    if (await attempt(() => server.removeRun(run.id))) go("results");
  };
  return (
    <article class="results">
      <header>
        <h1>
          {lastPart(run.settings.network)}, {depthOf(run.settings.unfreeze)}
        </h1>
        <p class="muted">
          {moment(run.createdAt)}, {duration(summary.seconds)}, trained on {plural(summary.counts.train, "image")}
        </p>
      </header>
      <Headline summary={summary} />
      <Exports run={run} summary={summary} />
      {results ? (
        <>
          <Confusion results={results} />
          <Mistakes results={results} />
          <Reliability results={results} />
          <ClassTable results={results} />
          <Files description="could not be used" items={results.skipped} />
        </>
      ) : (
        <p class="loading">Loading results…</p>
      )}
      <p>
        <button type="button" class="quiet" onClick={remove}>
          Delete this training
        </button>
      </p>
    </article>
  );
}
