/** The recommendation of a network: starts the comparison, shows progress and ranking, lets the user choose. */
import type { JSX } from "preact";
import type { RankedNetwork, Recommendation } from "../../../src/studio/api.ts";
import { duration, percent, percentRange } from "../format.ts";
import { say } from "../messages.ts";
import { server } from "../server.ts";
import { recommendation, running } from "../state.ts";

interface PanelProps {
  /** The number of images available for training; 0 if there are too few for a comparison. */
  readonly imageCount: number;
  readonly onChoose: (network: string) => void;
}

export function RecommendationPanel({ imageCount, onChoose }: PanelProps): JSX.Element {
  const found = recommendation.value;
  const compare = (): void => {
    server.compareNetworks().then((next) => {
      recommendation.value = next;
    }, say.failure);
  };
  const isRunning = found?.kind === "running";
  return (
    <section class="panel" aria-labelledby="recommendation-title">
      <h2 id="recommendation-title">Recommendation</h2>
      <div aria-live="polite">
        {found === null ? <p class="muted">…</p> : <Outcome found={found} onChoose={onChoose} />}
      </div>
      {isRunning ? null : (
        <button type="button" disabled={imageCount === 0 || running.value !== undefined} onClick={compare}>
          {found?.kind === "ranked" ? "Compare again" : "Compare networks"}
        </button>
      )}
      {isRunning ? null : <p class="muted small">Takes about a minute. Measures on your images and this machine.</p>}
    </section>
  );
}

interface OutcomeProps {
  readonly found: Recommendation;
  readonly onChoose: PanelProps["onChoose"];
}

function Outcome({ found, onChoose }: OutcomeProps): JSX.Element {
  if (found.kind === "none") return <p class="muted">{found.reason} If you are not sure, keep the selected network.</p>;
  if (found.kind === "running") return <p class="muted">{found.words}</p>;
  return (
    <>
      <p>{found.reason}</p>
      <ol class="ranked">
        {found.candidates.map((candidate) => (
          <Candidate
            key={candidate.network}
            {...candidate}
            isBest={candidate.network === found.best}
            onChoose={onChoose}
          />
        ))}
      </ol>
      <p class="muted small">Measured on {found.pictures} images of the project at that time.</p>
    </>
  );
}

type CandidateProps = RankedNetwork & { readonly isBest: boolean; readonly onChoose: PanelProps["onChoose"] };

function Candidate({
  network,
  accuracy,
  interval,
  latencyMs,
  trainSeconds,
  isBest,
  onChoose,
}: CandidateProps): JSX.Element {
  return (
    <li>
      <button type="button" class="quiet" onClick={() => onChoose(network)}>
        {network.split(/[/\\]/).at(-1)}
      </button>{" "}
      {isBest ? <strong>recommended</strong> : null}
      <div class="muted small">
        {percent(accuracy)} ({percentRange(interval)}), {latencyMs.toFixed(0)} ms per image, about{" "}
        {duration(trainSeconds)} to train
      </div>
    </li>
  );
}
