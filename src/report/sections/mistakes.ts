/** The wrong predictions with the highest probability. They are often mislabelled images. */
import { percent } from "../format.ts";
import { html } from "../html.ts";
import { judged, type Section } from "../section.ts";

export const mistakesSection: Section = (input) => {
  const { mistakes } = input;
  const { images, evaluation } = judged(input);
  if (mistakes.length === 0) {
    const words = evaluation.correct === evaluation.examples ? "No mistakes" : "No images of mistakes were saved";
    return { id: "mistakes", title: "Most confident mistakes", body: html`<p>${words} on ${images}.</p>` };
  }
  const items = mistakes.map(
    ({ thumbnail, path, truth, prediction, probability }) => html`<li><figure>
<img src="data:image/jpeg;base64,${thumbnail}" alt="An image of ${truth} that was predicted as ${prediction}" loading="lazy" decoding="async">
<figcaption><strong>${prediction}</strong> ${percent(probability)}<br>label: ${truth}<small>${path}</small></figcaption></figure></li>\n`,
  );
  return {
    id: "mistakes",
    title: "Most confident mistakes",
    body: html`<p class="lead">Wrong predictions on ${images}, the most confident first, each with its probability and its label. Check the labels first: a confident mistake is often a mislabelled image.</p>
<ul class="gallery">${items}</ul>`,
  };
};
