/** Trainings side by side, with what can and cannot be concluded from their figures. */

import type { JSX } from "preact";
import type { RunInfo, RunSummary } from "../../../src/studio/api.ts";
import { Strip } from "../parts/headline.tsx";
import { Scroll } from "../parts/scroll.tsx";
import { hrefOf } from "../route.ts";
import { runs } from "../state.ts";
import { bytes, count, depthOf, duration, lastPart, moment, percent, percentRange } from "../words.ts";

interface Compared {
  readonly run: RunInfo;
  readonly summary: RunSummary;
}

const rows: readonly { readonly name: string; readonly cell: (one: Compared) => string }[] = [
  { name: "95% interval", cell: ({ summary }) => percentRange(summary.interval) },
  { name: "Mean over classes", cell: ({ summary }) => percent(summary.balancedAccuracy) },
  { name: "Log loss", cell: ({ summary }) => summary.logLoss.toFixed(3) },
  { name: "Calibration error", cell: ({ summary }) => percent(summary.calibrationError) },
  { name: "Test pictures", cell: ({ summary }) => count(summary.counts.test) },
  { name: "Trained on", cell: ({ summary }) => count(summary.counts.train) },
  { name: "Took", cell: ({ summary }) => duration(summary.seconds) },
  { name: "Model", cell: ({ summary }) => bytes(summary.modelBytes) },
  { name: "Seed", cell: ({ run }) => String(run.settings.seed) },
];

export function Compare({ ids }: { readonly ids: readonly string[] }): JSX.Element {
  const compared = ids.flatMap((id): Compared[] => {
    const run = runs.value!.find((one) => one.id === id);
    return run?.state.kind === "done" ? [{ run, summary: run.state.summary }] : [];
  });
  return (
    <section class="compare" aria-labelledby="compare-title">
      <h1 id="compare-title">Side by side</h1>
      <p class="lead">{verdict(compared)}</p>
      <Scroll label="Comparison">
        <table>
          <thead>
            <tr>
              <td />
              {compared.map(({ run }) => (
                <th key={run.id} scope="col">
                  <a href={hrefOf("results", run.id)}>{lastPart(run.settings.network)}</a>
                  <br />
                  {depthOf(run.settings.unfreeze)}, {moment(run.createdAt)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">Accuracy</th>
              {compared.map(({ run, summary }) => (
                <td key={run.id}>
                  <strong class="figure">{percent(summary.accuracy)}</strong>
                  <Strip summary={summary} />
                </td>
              ))}
            </tr>
            {rows.map(({ name, cell }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {compared.map((one) => (
                  <td key={one.run.id}>{cell(one)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p>
        <a href={hrefOf("results")}>All results</a>
      </p>
    </section>
  );
}

function verdict(compared: readonly Compared[]): string {
  if (compared.length < 2) return "Fewer than two of these trainings are still there.";
  const [best, second] = compared.toSorted((a, b) => b.summary.accuracy - a.summary.accuracy) as [Compared, Compared];
  const isSameData =
    new Set(compared.map(({ summary }) => summary.datasetDigest)).size === 1 &&
    new Set(compared.map(({ run, summary }) => (summary.testedOn === "folder" ? "folder" : run.settings.seed))).size ===
      1;
  const name = `${lastPart(best.run.settings.network)} (${depthOf(best.run.settings.unfreeze)})`;
  if (!isSameData)
    return "These were not tested on the same pictures: pictures changed in between, or the seeds differ. Differences between them say little.";
  if (best.summary.accuracy === second.summary.accuracy)
    return "All were tested on the same pictures, and the best two did equally well.";
  return best.summary.interval[0] > second.summary.interval[1]
    ? `All were tested on the same pictures, and ${name} is better by more than chance.`
    : `All were tested on the same pictures. ${name} named the most rightly, but the intervals overlap: more test pictures would tell.`;
}
