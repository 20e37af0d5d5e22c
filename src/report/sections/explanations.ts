/** Where the model looked: overlays of its evidence on some test pictures. */
import { percent } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";

export const explanationsSection: Section = ({ explanations }) => {
  if (!explanations || explanations.length === 0) return null;
  return {
    id: "why",
    title: "Where it looked",
    body: html`<p class="lead">Warm places spoke for the answer (Grad-CAM). Where the subject stays cold and the background glows, the model has learned something else:
see the shortcuts under “What is in the data”. <code>graft explain</code> does this for any picture.</p>
<ul class="gallery">${explanations.map(
      ({ overlay, path, truth, prediction, probability }) => html`<li><figure>
<img src="data:image/jpeg;base64,${overlay}" alt="A picture of ${truth}, with the places that spoke for ${prediction}" loading="lazy" decoding="async">
<figcaption><strong>${prediction}</strong> ${percent(probability)}<br>${truth === prediction ? "rightly" : `is ${truth}`}<small>${path}</small></figcaption></figure></li>\n`,
    )}</ul>`,
  };
};
