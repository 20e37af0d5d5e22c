/** The wrong predictions with the highest probability. */
import type { JSX } from "preact";
import type { RunResults } from "../../../src/studio/api.ts";
import { plural } from "../format.ts";
import { PredictionGallery } from "./prediction-gallery.tsx";

export function Mistakes({ results }: { readonly results: RunResults }): JSX.Element {
  const wrong = results.answers
    .filter(({ truth, prediction }) => truth !== prediction)
    .sort((a, b) => b.probability - a.probability);
  return (
    <section aria-labelledby="mistakes-title">
      <h2 id="mistakes-title">Most confident mistakes</h2>
      {wrong.length === 0 ? (
        <p>No mistakes on {plural(results.answers.length, "test image")}.</p>
      ) : (
        <>
          <p class="lead">
            {plural(wrong.length, "wrong prediction")} on {plural(results.answers.length, "test image")}, the most
            confident first. Check the labels first: a confident mistake is often a mislabelled image.
          </p>
          <PredictionGallery classes={results.classes} predictions={wrong} />
        </>
      )}
    </section>
  );
}
