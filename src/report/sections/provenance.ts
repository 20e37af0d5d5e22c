/** How the model was made: network, data, settings, time. */

import type { ReportInput } from "../../run/report-input.ts";
import { bar, big, count, duration, factTable, type Html, html, percent, plural, rate } from "../html.ts";
import type { Section } from "../page-shell.ts";

/** The number of characters of a SHA-256 to show; the title attribute has all of it. */
const SHORT_HASH = 12;

export const provenanceSection: Section = (input) => {
  const { network } = input;
  return {
    id: "making",
    title: "How the model was made",
    body: html`
<p class="lead">${lead(input)}</p>
<div class="pair">
${data(input)}
${factTable("The network", [
  ["Name", network.name],
  ["Description", network.description],
  ["Licence", network.licence],
  ["Source", network.source],
  ["Weights’ SHA-256", html`<code title="${network.sha256}">${network.sha256.slice(0, SHORT_HASH)}…</code>`],
  ["Parameters", big(network.parameters)],
  ["Input", `${network.inputSize} × ${network.inputSize} pixels`],
  ["Cut at", html`<code>${network.cut}</code>`],
  ["Features", network.views === "mirrored" ? "mean over each image and its mirror image" : null],
])}
</div>
${choiceOf(input)}
<h3>Time per step</h3>
${timings(input)}`,
  };
};

const headWords: Readonly<Record<ReportInput["head"]["kind"], string>> = {
  "logistic-regression": "logistic regression",
};

/** What was trained; for a fine-tuning also which weights were kept, and why. */
function lead({ network, head, finetune }: ReportInput): string {
  const { features } = network;
  const frozen = `The network below is frozen up to its cut, where it turns an image into ${count(features)} features. A new head, a ${headWords[head.kind]}, was trained on these features.`;
  if (!finetune) return frozen;
  const { kept, stages, epochs, why } = finetune;
  return kept === "fine-tuned"
    ? `The network below turns an image into ${count(features)} features at its cut. A new head was trained on these features, then ${stages.join(", ")} together with it, for ${plural(epochs, "epoch")}. ${why}`
    : `${frozen} Graft also tried to fine-tune ${stages.join(", ")} for ${plural(epochs, "epoch")}. ${why}`;
}

const validated = (source: ReportInput["validation"]["source"], images: number): string =>
  ({
    folder: plural(images, "image"),
    "held-out": `${plural(images, "image")}, held out of the training images`,
    "cross-validation": "by cross-validation",
  })[source];

function data({ dataset, head, seed, validation }: ReportInput): Html {
  const { counts, classes } = dataset;
  return factTable("The data and the head", [
    ["Dataset", html`<code>${dataset.path}</code>`],
    ["Classes", count(classes.length)],
    ["Training", plural(counts.train, "image")],
    ["Validation", validated(validation.source, counts.validation)],
    [
      "Test",
      counts.test === 0
        ? "none"
        : `${plural(counts.test, "image")}, ${dataset.testSource === "folder" ? "separate folder" : "held out"}`,
    ],
    ["Skipped", plural(counts.skipped, "file")],
    ["Head", `${headWords[head.kind]}, L2 penalty ${head.l2}`],
    ["Cross-validated", `${percent(head.crossValidatedAccuracy)} accuracy, ${plural(head.folds, "fold")}`],
    ["Seed", String(seed)],
  ]);
}

/** The features that cross-validation compared, if there were several. */
function choiceOf({ choice }: ReportInput): Html | null {
  if (!choice || choice.tried.length < 2) return null;
  const rows = choice.tried.map(({ cut, views, features, accuracy, logLoss, gain, standardError, seconds }) => {
    const isTaken = cut === choice.cut && views === choice.views;
    const against = gain === null || standardError === null ? "—" : `${gain.toFixed(3)} ± ${standardError.toFixed(3)}`;
    return html`<tr><th scope="row"><code>${cut}</code>${views === "mirrored" ? ", mirrored views" : ""}${isTaken ? " (selected)" : ""}</th>
<td class="number">${count(features)}</td><td class="number">${percent(accuracy)}</td><td class="number">${logLoss.toFixed(3)}</td>
<td class="number">${against}</td><td class="number">${duration(seconds)}</td></tr>\n`;
  });
  return html`<h3>Choice of features</h3>
<table><caption>Compared by cross-validation on the training images. Graft selects another cut than the network’s own (the first row), or mirrored views, only if the log loss drops by more than its standard error.</caption>
<thead><tr><th scope="col">Cut</th><th scope="col" class="number">Features</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Log loss</th>
<th scope="col" class="number">Gain</th><th scope="col" class="number">Time</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** The parts of the total; reading and features overlap, so they need not sum to it. */
function timings({ timings, rates }: ReportInput): Html {
  const parts: readonly (readonly [string, number, number])[] = [
    ["Decoding images", timings.decode, rates.decode],
    ["Features from the network", timings.extract, rates.forward],
    ["Search for copies", timings.copies ?? 0, 0],
    ["Training the head", timings.head, 0],
    ["Fine-tuning", timings.finetune, rates.step],
    ["Out-of-distribution score", timings.uncertainty ?? 0, 0],
    ["Auditing the data", timings.audit ?? 0, 0],
    ["Explaining predictions", timings.explanations ?? 0, 0],
  ];
  const rows = parts
    .filter(([, seconds]) => seconds > 0)
    .map(
      ([name, seconds, speed]) => html`<tr><th scope="row">${name}${bar(Math.min(1, seconds / timings.total))}</th>
<td class="number">${duration(seconds)}</td><td class="number">${speed > 0 ? rate(speed) : "—"}</td></tr>\n`,
    );
  return html`<table><caption>Decoding runs in parallel with the network, so the parts can add up to more than the total. Images with cached features take no time.</caption>
<thead><tr><th scope="col">Step</th><th scope="col" class="number">Time</th><th scope="col" class="number">Images/s</th></tr></thead>
<tbody>${rows}<tr><th scope="row">Total</th><td class="number">${duration(timings.total)}</td><td class="number">—</td></tr></tbody></table>`;
}
