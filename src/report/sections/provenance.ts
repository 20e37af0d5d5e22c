/** What was trained on what, with which settings, and where the time went. */

import type { ReportInput } from "../../run/report-input.ts";
import { big, count, duration, percent, plural, rate } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { Section } from "../section.ts";
import { bar, factTable } from "../table.ts";

/** Characters of a SHA-256 that are shown; the whole stands in the title. */
const SHORT_HASH = 12;

export const provenanceSection: Section = (input) => {
  const { network } = input;
  return {
    id: "making",
    title: "How it was made",
    body: html`
<p class="lead">${lead(input)}</p>
<div class="pair">
${data(input)}
${factTable("The network", [
  ["Name", network.name],
  ["What it is", network.description],
  ["Licence", network.licence],
  ["Source", network.source],
  ["Weights’ SHA-256", html`<code title="${network.sha256}">${network.sha256.slice(0, SHORT_HASH)}…</code>`],
  ["Parameters", big(network.parameters)],
  ["Sees", `${network.inputSize} × ${network.inputSize} pixels`],
  ["Cut at", html`<code>${network.cut}</code>`],
  ["Features", network.views === "mirrored" ? "mean over each image and its mirror image" : null],
])}
</div>
${choiceOf(input)}
<h3>Where the time went</h3>
${timings(input)}`,
  };
};

const headWords: Readonly<Record<ReportInput["head"]["kind"], string>> = {
  "logistic-regression": "logistic regression",
};

/** What was trained; of a fine-tuning also what was kept, and why. */
function lead({ network, head, finetune }: ReportInput): string {
  const { features } = network;
  const frozen = `The network below was kept as it is up to its cut; an image becomes ${count(features)} numbers there. A new head, a ${headWords[head.kind]}, was trained on those numbers.`;
  if (!finetune) return frozen;
  const { kept, stages, epochs, why } = finetune;
  return kept === "fine-tuned"
    ? `An image becomes ${count(features)} numbers at the cut of the network below. A new head was trained on those numbers, and then ${stages.join(", ")} with it, for ${plural(epochs, "epoch")}. ${why}`
    : `${frozen} Fine-tuning ${stages.join(", ")} for ${plural(epochs, "epoch")} was tried too. ${why}`;
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
        : `${plural(counts.test, "image")}, ${dataset.testSource === "folder" ? "own folder" : "held out"}`,
    ],
    ["Skipped", plural(counts.skipped, "file")],
    ["Head", `${headWords[head.kind]}, L2 penalty ${head.l2}`],
    ["Cross-validated", `${percent(head.crossValidatedAccuracy)} accuracy, ${plural(head.folds, "fold")}`],
    ["Seed", String(seed)],
  ]);
}

/** What cross-validation compared, where it had something to compare. */
function choiceOf({ choice }: ReportInput): Html | null {
  if (!choice || choice.tried.length < 2) return null;
  const rows = choice.tried.map(({ cut, views, features, accuracy, logLoss, gain, standardError, seconds }) => {
    const isTaken = cut === choice.cut && views === choice.views;
    const against = gain === null || standardError === null ? "—" : `${gain.toFixed(3)} ± ${standardError.toFixed(3)}`;
    return html`<tr><th scope="row"><code>${cut}</code>${views === "mirrored" ? ", mirrored views" : ""}${isTaken ? " (taken)" : ""}</th>
<td class="number">${count(features)}</td><td class="number">${percent(accuracy)}</td><td class="number">${logLoss.toFixed(3)}</td>
<td class="number">${against}</td><td class="number">${duration(seconds)}</td></tr>\n`;
  });
  return html`<h3>Which features</h3>
<table><caption>By cross-validation on the training images. Another cut is taken instead of the network’s own, the first, and mirrored views instead of none, only where the log loss falls by more than its standard error.</caption>
<thead><tr><th scope="col">Cut</th><th scope="col" class="number">Features</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Log loss</th>
<th scope="col" class="number">Gain</th><th scope="col" class="number">Time</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** The parts of the total; reading and features overlap, so they need not sum to it. */
function timings({ timings, rates }: ReportInput): Html {
  const parts: readonly (readonly [string, number, number])[] = [
    ["Decoding images", timings.decode, rates.decode],
    ["Features from the network", timings.extract, rates.forward],
    ["Looking for copies", timings.copies ?? 0, 0],
    ["Training the head", timings.head, 0],
    ["Fine-tuning", timings.finetune, rates.step],
    ["Learning what is unknown", timings.uncertainty ?? 0, 0],
    ["Auditing the data", timings.audit ?? 0, 0],
    ["Explaining predictions", timings.explanations ?? 0, 0],
  ];
  const rows = parts
    .filter(([, seconds]) => seconds > 0)
    .map(
      ([name, seconds, speed]) => html`<tr><th scope="row">${name}${bar(Math.min(1, seconds / timings.total))}</th>
<td class="number">${duration(seconds)}</td><td class="number">${speed > 0 ? rate(speed) : "—"}</td></tr>\n`,
    );
  return html`<table><caption>Decoding runs beside the network, so the parts may sum to more than the whole; pictures whose features were in the cache took no time.</caption>
<thead><tr><th scope="col">Step</th><th scope="col" class="number">Time</th><th scope="col" class="number">Images/s</th></tr></thead>
<tbody>${rows}<tr><th scope="row">Everything</th><td class="number">${duration(timings.total)}</td><td class="number">—</td></tr></tbody></table>`;
}
