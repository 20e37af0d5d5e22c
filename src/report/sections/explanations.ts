/** Where the model looked: Grad-CAM overlays on some test images. */
import { percent } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";

export const explanationsSection: Section = ({ explanations }) => {
  if (!explanations || explanations.length === 0) return null;
  return {
    id: "why",
    title: "Where the model looked",
    body: html`<p class="lead">Warm areas support the prediction (Grad-CAM). If the subject is cold and the background is warm, the model may have learned a shortcut:
see “Data quality”. <code>graft explain</code> makes these overlays for any image.</p>
<ul class="gallery">${explanations.map(
      ({ overlay, path, truth, prediction, probability }) => html`<li><figure>
<img src="data:image/jpeg;base64,${overlay}" alt="An image of ${truth}, with the areas that support ${prediction}" loading="lazy" decoding="async">
<figcaption><strong>${prediction}</strong> ${percent(probability)}<br>${truth === prediction ? "correct" : `label: ${truth}`}<small>${path}</small></figcaption></figure></li>\n`,
    )}</ul>`,
  };
};
