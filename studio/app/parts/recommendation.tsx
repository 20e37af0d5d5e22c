/** Which network suits these pictures, as far as that has been worked out. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Recommendation } from "../../../src/studio/api.ts";
import { say } from "../messages.ts";
import { server } from "../server.ts";
import { revision } from "../state.ts";

export function RecommendationPanel(): JSX.Element {
  const [found, setFound] = useState<Recommendation | null>(null);
  useEffect(() => {
    server.recommendation().then(setFound, say.failure);
  }, [revision.value]);
  return (
    <section class="panel" aria-labelledby="recommendation-title">
      <h2 id="recommendation-title">Recommendation</h2>
      {found === null ? (
        <p class="muted">…</p>
      ) : found.kind === "none" ? (
        <p class="muted">{found.reason} Where you have no reason to choose another, keep the network that is marked.</p>
      ) : (
        <ol>
          {found.candidates.map(({ network, words }) => (
            <li key={network}>
              <strong>{network}</strong>: {words}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
