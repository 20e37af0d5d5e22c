/** Compares trainings side by side, and says what their figures do and do not show. */

import type { JSX } from "preact";
import type { RunInfo, RunSummary } from "../../../src/studio/api.ts";
import { bytes, count, depthOf, duration, lastPart, moment, percent, percentRange } from "../format.ts";
import { Strip } from "../parts/headline.tsx";
import { Scroll } from "../parts/scroll.tsx";
import { hrefOf } from "../route.ts";
import { runs } from "../state.ts";

interface Compared {
  readonly run: RunInfo;
  readonly summary: RunSummary;
}

const rows: readonly { readonly name: string; readonly cell: (one: Compared) => string }[] = [
  { name: "95% interval", cell: ({ summary }) => percentRange(summary.interval) },
  { name: "Balanced accuracy", cell: ({ summary }) => percent(summary.balancedAccuracy) },
  { name: "Log loss", cell: ({ summary }) => summary.logLoss.toFixed(3) },
  { name: "Calibration error", cell: ({ summary }) => percent(summary.calibrationError) },
  { name: "Test images", cell: ({ summary }) => count(summary.counts.test) },
  { name: "Training images", cell: ({ summary }) => count(summary.counts.train) },
  { name: "Duration", cell: ({ summary }) => duration(summary.seconds) },
  { name: "Model size", cell: ({ summary }) => bytes(summary.modelBytes) },
  { name: "Seed", cell: ({ run }) => String(run.settings.seed) },
];

export function Compare({ ids }: { readonly ids: readonly string[] }): JSX.Element {
  const compared = ids.flatMap((id): Compared[] => {
    const run = runs.value!.find((one) => one.id === id);
    return run?.state.kind === "done" ? [{ run, summary: run.state.summary }] : [];
  });
  return (
    <section class="compare" aria-labelledby="compare-title">
      <h1 id="compare-title">Compare trainings</h1>
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
  if (compared.length < 2) return "Fewer than two of these trainings still exist.";
  const [best, second] = compared.toSorted((a, b) => b.summary.accuracy - a.summary.accuracy) as [Compared, Compared];
  const isSameData =
    new Set(compared.map(({ summary }) => summary.datasetDigest)).size === 1 &&
    new Set(compared.map(({ run, summary }) => (summary.testedOn === "folder" ? "folder" : run.settings.seed))).size ===
      1;
  const name = `${lastPart(best.run.settings.network)} (${depthOf(best.run.settings.unfreeze)})`;
  if (!isSameData)
    return "These models were not tested on the same images: the dataset changed in between, or the seeds differ. The differences between them say little.";
  if (best.summary.accuracy === second.summary.accuracy)
    return "All models were tested on the same images. The best two have the same accuracy.";
  return best.summary.interval[0] > second.summary.interval[1]
    ? `All models were tested on the same images. ${name} is better by more than chance.`
    : `All models were tested on the same images. ${name} has the highest accuracy, but the intervals overlap. More test images would decide it.`;
}
