/** Which network suits these pictures and this machine: asked for, followed, shown, and chosen from. */
import type { JSX } from "preact";
import type { RankedNetwork, Recommendation } from "../../../src/studio/api.ts";
import { say } from "../messages.ts";
import { server } from "../server.ts";
import { recommendation, running } from "../state.ts";
import { duration, percent, percentRange } from "../words.ts";

interface PanelProps {
  /** Pictures that could be learned from now; 0 where there are too few to compare anything. */
  readonly pictures: number;
  readonly onChoose: (network: string) => void;
}

export function RecommendationPanel({ pictures, onChoose }: PanelProps): JSX.Element {
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
        {found === null ? <p class="muted">…</p> : <Said found={found} onChoose={onChoose} />}
      </div>
      {isRunning ? null : (
        <button type="button" disabled={pictures === 0 || running.value !== undefined} onClick={compare}>
          {found?.kind === "ranked" ? "Compare again" : "Compare the networks"}
        </button>
      )}
      {isRunning ? null : <p class="muted small">Takes about a minute, on your pictures and this machine.</p>}
    </section>
  );
}

interface SaidProps {
  readonly found: Recommendation;
  readonly onChoose: PanelProps["onChoose"];
}

function Said({ found, onChoose }: SaidProps): JSX.Element {
  if (found.kind === "none")
    return (
      <p class="muted">{found.reason} Where you have no reason to choose another, keep the network that is marked.</p>
    );
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
      <p class="muted small">Measured on {found.pictures} pictures that the project had then.</p>
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
        {percent(accuracy)} ({percentRange(interval)}), {latencyMs.toFixed(0)} ms a picture, about{" "}
        {duration(trainSeconds)} to train
      </div>
    </li>
  );
}
