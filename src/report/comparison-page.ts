/** The report of a comparison as one HTML file: the verdict, its evidence, and the learning curves of the strategies. */
import * as Plot from "@observablehq/plot";
import type { Comparison } from "../advise/compare/comparison.ts";
import type { Strategy } from "../advise/compare/comparison-runs.ts";
import { leadText, overfittingText, strategyNames, trainedText } from "../advise/compare/verdict-text.ts";
import { chart } from "./chart.ts";
import { count, date, duration, type Html, html, listed, percent, percentRange, plural } from "./html.ts";
import { type PagePart, renderPage } from "./page-shell.ts";

/** What the page says besides the comparison. */
export interface ComparisonPage {
  readonly dataset: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** The command to run next. */
  readonly next: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

const titles = {
  transfer: "Transfer",
  "fine-tune": "Fine-tune",
  scratch: "Train from scratch",
  undecided: "Undecided",
} as const;

/** One self-contained HTML document, as a training's report is. Throws a usage error if `createdAt` is not a date. */
export function renderComparison(found: Comparison, page: ComparisonPage): string {
  return renderPage({
    title: `Transfer or train from scratch: ${page.dataset}`,
    eyebrow: `Graft comparison · ${date(page.createdAt)}`,
    subtitle: `${found.network.name} against a network from scratch; ${plural(found.classes.length, "class", "classes")}: ${listed(found.classes)}`,
    parts: [headline(found, page.next), curves(found), evidence(found), method(found)],
    footer: Object.entries(page.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(" · "),
  });
}

function headline(found: Comparison, next: string | undefined): PagePart {
  const { roads, baseline, gap } = found;
  const last = roads.flatMap(({ road, points }) => (points.length > 0 ? [{ road, point: points.at(-1)! }] : []));
  return {
    id: "verdict",
    title: titles[found.verdict],
    body: html`
<p class="verdict">${found.reason}</p>
<dl class="aside">${last.map(
      ({ road, point }) =>
        html`<div><dt>${strategyNames[road]}, ${plural(point.pictures, "image")}</dt><dd>${percent(point.accuracy)}</dd></div>`,
    )}<div><dt>Baseline: always “${baseline.class}”</dt><dd>${percent(baseline.accuracy)}</dd></div></dl>
${next === undefined ? null : html`<pre tabindex="0" aria-label="the command to run next"><code>${next}</code></pre>`}
${gap === undefined ? null : html`<p class="lead">${gap.words} This is only a hint and did not influence the verdict.</p>`}
${found.interrupted ? html`<p class="lead">The comparison was stopped early. These are the results so far.</p>` : null}`,
  };
}

const colours: Readonly<Record<Strategy, string>> = {
  probe: "var(--accent)",
  "fine-tune": "var(--ink)",
  scratch: "var(--muted)",
};

interface Dot {
  readonly road: Strategy;
  readonly pictures: number;
  readonly seconds: number;
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
}

function curves({ roads, baseline }: Comparison): PagePart {
  const dots = roads.flatMap(({ road, points }) =>
    points.map(({ pictures, seconds, accuracy, interval: [low, high] }): Dot => {
      return { road, pictures, seconds, accuracy, low, high };
    }),
  );
  return {
    id: "curves",
    title: "How each strategy learns",
    body: html`
<p class="lead">Accuracy on held-out images, with 95% intervals. The dashed line is the baseline that always predicts “${baseline.class}”.</p>
<ul class="key">${roads.map(({ road }) => html`<li><span style="--swatch: ${colours[road]}"></span>${strategyNames[road]}</li>`)}</ul>
<div class="pair">
<figure>${drawn(dots, "pictures", "training images", baseline.accuracy)}<figcaption>By number of training images</figcaption></figure>
<figure>${drawn(dots, "seconds", "seconds of training", baseline.accuracy)}<figcaption>By training time on this machine, without cached features</figcaption></figure>
</div>`,
  };
}

function drawn(dots: readonly Dot[], x: "pictures" | "seconds", label: string, baseline: number): Html {
  const sorted = dots.toSorted((a, b) => a[x] - b[x]);
  const stroke = ({ road }: Dot): string => colours[road];
  return chart(
    {
      width: 400,
      height: 320,
      marginLeft: 48,
      marginBottom: 46,
      style: { fontSize: "12px" },
      x: { type: "log", label, labelAnchor: "center", labelArrow: "none", labelOffset: 40, ticks: 5, tickFormat: "~s" },
      y: { domain: [0, 1], label: "accuracy", labelArrow: "none", tickFormat: "%", ticks: 5 },
      marks: [
        Plot.gridY({ stroke: "var(--rule)", strokeOpacity: 1 }),
        Plot.ruleY([baseline], { stroke: "var(--muted)", strokeDasharray: "3 4" }),
        Plot.ruleX(sorted, { x, y1: "low", y2: "high", stroke, strokeOpacity: 0.45 }),
        Plot.line(sorted, { x, y: "accuracy", z: "road", stroke, strokeWidth: 2 }),
        Plot.dot(sorted, {
          x,
          y: "accuracy",
          fill: stroke,
          r: 4,
          title: ({ road, pictures, accuracy }: Dot) =>
            `${strategyNames[road]}, ${pictures} images: ${percent(accuracy)}`,
        }),
      ],
    },
    { label: `Accuracy of each strategy against ${label}`, fit: "wide" },
  );
}

function evidence({ roads, leads, training }: Comparison): PagePart {
  const rows = roads.flatMap(({ road, points }) =>
    points.map(
      (point) =>
        html`<tr><th scope="row">${strategyNames[road]}</th><td class="number">${count(point.pictures)}</td><td class="number">${percent(point.accuracy)}</td>
<td class="number">${percentRange(point.interval)}</td><td class="number">${percent(point.trainAccuracy)}</td><td class="number">${(100 * point.overfitting).toFixed(1)}</td>
<td class="number">${duration(point.seconds)}</td><td class="number">${trainedText(point)}</td><td class="number">${count(point.runs)}</td></tr>\n`,
    ),
  );
  const head = ["Images", "Accuracy", "95%", "Training accuracy", "Overfitting", "Time", "Epochs", "Runs"];
  return {
    id: "evidence",
    title: "Evidence",
    body: html`
<ul>${leads.filter(({ mean }) => mean >= 0).map((lead) => html`<li>${leadText(lead)}</li>`)}</ul>
<p class="lead">${overfittingText(roads)}</p>
<div class="scroll"><table><caption>Every point of the curves</caption>
<thead><tr><th scope="col">Strategy</th>${head.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>
${trainings(training)}`,
  };
}

/** Trainings on all images, each with twice the epochs: whether more training would help. */
function trainings(training: Comparison["training"]): Html | null {
  const rows = training.flatMap(({ road, trainings: all }) =>
    all.map(
      (one) => html`<tr><th scope="row">${strategyNames[road]}</th><td class="number">${count(one.epochs)}</td>
<td class="number">${percent(one.trainAccuracy)}</td><td class="number">${one.validationLogLoss.toFixed(3)}</td><td class="number">${percent(one.accuracy)}</td>
<td class="number">${duration(one.seconds)}</td><td>${one.isCut ? "ended early" : ""}</td></tr>\n`,
    ),
  );
  if (rows.length === 0) return null;
  const head = ["Epochs", "Training accuracy", "Validation log loss", "Accuracy", "Time"];
  return html`<div class="scroll"><table><caption>Trainings on all images, each twice as long as the previous one</caption>
<thead><tr><th scope="col">Strategy</th>${head.map((name) => html`<th scope="col" class="number">${name}</th>`)}<th></th></tr></thead>
<tbody>${rows}</tbody></table></div>
<p class="lead">${training.map(({ road, flattened }) => `${strategyNames[road]}: ${flattened ? "the curve is flat" : "the curve is not flat"}`).join("; ")}.</p>`;
}

function method(found: Comparison): PagePart {
  const { scratch, pictures, leftOut, network } = found;
  return {
    id: "method",
    title: "Method",
    body: html`
<p>${count(pictures.available)} images took part; ${plural(found.keptForTest, "image")} held out for testing did not. They were split again for each seed: up to
${count(pictures.learned)} for training and ${count(pictures.judged)} for evaluation. ${network.name}: ${network.description} Fine-tuning trained its last ${found.unfreeze} stages.
${scratch === undefined ? null : html`From scratch: ${scratch.network}; of several settings tried on the training images, a learning rate of ${scratch.learningRate} and the augmentation “${scratch.augment}” worked best.`}
It took ${duration(found.seconds)}${found.budgetSeconds === undefined ? "" : ` of a budget of ${duration(found.budgetSeconds)}`}${found.epochs === undefined ? "" : `, at most ${plural(found.epochs, "epoch")} for one training on all images`}${leftOut.length > 0 ? `; the budget did not allow ${plural(leftOut.length, "more training")}` : ""}.</p>`,
  };
}
