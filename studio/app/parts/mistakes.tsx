/** The wrong answers given with the most confidence. */
import type { JSX } from "preact";
import type { RunResults } from "../../../src/studio/api.ts";
import { plural } from "../words.ts";
import { AnswerGallery } from "./answer-gallery.tsx";

export function Mistakes({ results }: { readonly results: RunResults }): JSX.Element {
  const wrong = results.answers
    .filter(({ truth, prediction }) => truth !== prediction)
    .sort((a, b) => b.probability - a.probability);
  return (
    <section aria-labelledby="mistakes-title">
      <h2 id="mistakes-title">Its most confident mistakes</h2>
      {wrong.length === 0 ? (
        <p>There are none among {plural(results.answers.length, "test picture")}.</p>
      ) : (
        <>
          <p class="lead">
            {plural(wrong.length, "wrong answer")} among {plural(results.answers.length, "test picture")}, the surest
            first. Look at the labels first: a confident mistake is often a mislabelled picture.
          </p>
          <AnswerGallery classes={results.classes} answers={wrong} />
        </>
      )}
    </section>
  );
}
