/** The wrong answers given with the most confidence: often mislabelled pictures, always instructive. */
import { percent } from "../format.ts";
import { html } from "../html.ts";
import { judged, type Section } from "../section.ts";

export const mistakesSection: Section = (input) => {
  const { mistakes } = input;
  const { images, evaluation } = judged(input);
  if (mistakes.length === 0) {
    const words = evaluation.correct === evaluation.examples ? "There are none" : "No pictures of them were kept";
    return { id: "mistakes", title: "Its most confident mistakes", body: html`<p>${words} among ${images}.</p>` };
  }
  const items = mistakes.map(
    ({ thumbnail, path, truth, prediction, probability }) => html`<li><figure>
<img src="data:image/jpeg;base64,${thumbnail}" alt="A picture of ${truth} that was called ${prediction}" loading="lazy" decoding="async">
<figcaption><strong>${prediction}</strong> ${percent(probability)}<br>is ${truth}<small>${path}</small></figcaption></figure></li>\n`,
  );
  return {
    id: "mistakes",
    title: "Its most confident mistakes",
    body: html`<p class="lead">Wrong answers among ${images}, the surest first: what it said, how sure it was, and what its label says. Look at the labels first: a confident mistake is often a mislabelled picture.</p>
<ul class="gallery">${items}</ul>`,
  };
};
