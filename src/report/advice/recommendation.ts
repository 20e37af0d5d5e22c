/** The report of a recommendation as one HTML file: which network, why, and what the others would cost and bring. */
import * as Plot from "@observablehq/plot";
import type { RankedCandidate, Recommendation } from "../../advise/recommend/recommendation.ts";
import { chart } from "../chart.ts";
import { count, date, duration, listed, percent, percentRange, plural, rate } from "../format.ts";
import { type Html, html } from "../html.ts";
import { type Part, renderPage } from "../shell.ts";

/** What the page says besides the recommendation. */
export interface RecommendationPage {
  readonly dataset: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** The command to run next. */
  readonly next: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

/** One self-contained HTML document, as a training's report is. Throws a usage error where `createdAt` is no date. */
export function renderRecommendation(found: Recommendation, page: RecommendationPage): string {
  return renderPage({
    title: `A network for ${page.dataset}`,
    eyebrow: `Graft recommendation · ${date(page.createdAt)}`,
    subtitle: `To tell ${plural(found.classes.length, "class", "classes")} apart: ${listed(found.classes)}`,
    parts: [
      headline(found, page.next),
      frontPart(found),
      tablePart(found),
      scoresPart(found),
      leftOutPart(found),
    ].flatMap((part) => part ?? []),
    footer: Object.entries(page.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(" · "),
  });
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;

function headline(found: Recommendation, next: string | undefined): Part {
  const { recommended, candidates, baseline, pictures, gap } = found;
  const chosen = candidates.find(({ name }) => name === recommended) ?? null;
  return {
    id: "recommended",
    title: recommended === undefined ? "No network" : `Take ${recommended}`,
    body: html`
<p class="verdict">${found.reason}</p>
${
  chosen &&
  html`<div class="score"><div>
<p class="value">${percent(chosen.accuracy)}</p>
<p class="what">expected accuracy of a linear probe (${percentRange(chosen.interval)})</p>
</div>
<dl class="aside">
<div><dt>One picture</dt><dd>${milliseconds(chosen.cost.latencyMs)}</dd></div>
<div><dt>Model</dt><dd>${megabytes(chosen.cost.sizeBytes)}</dd></div>
<div><dt>Training</dt><dd>about ${duration(chosen.trainSeconds)}</dd></div>
<div><dt>Always “${baseline.class}”</dt><dd>${percent(baseline.accuracy)}</dd></div>
</dl></div>`
}
${next === undefined ? null : html`<pre tabindex="0" aria-label="the command to run next"><code>${next}</code></pre>`}
<p class="lead">Measured on this machine in ${duration(found.seconds)}${
      found.fetchSeconds > 0.5 ? ` (of which ${duration(found.fetchSeconds)} went into fetching)` : ""
    }, on ${count(pictures.judged)} of ${plural(pictures.available, "training picture")}; ${plural(found.keptForTest, "picture")} kept for the test took no part.${
      found.interrupted ? " It was stopped before its time." : ""
    }</p>
${gap === undefined ? null : html`<p class="lead">${gap.words} That is a hint, not a verdict: what counts is the accuracy.</p>`}`,
  };
}

function frontPart({ candidates, recommended }: Recommendation): Part | null {
  if (candidates.length < 2) return null;
  return {
    id: "front",
    title: "What accuracy costs",
    body: html`
<p class="lead">Each dot is a network, its line the 95% interval. Filled: no other is at least as accurate, as fast and as small.</p>
<figure>${frontChart(candidates, recommended)}<figcaption>Expected accuracy against the milliseconds that one picture takes here</figcaption></figure>`,
  };
}

function frontChart(candidates: readonly RankedCandidate[], recommended: string | undefined): Html {
  const points = candidates.map(({ name, accuracy, interval: [low, high], cost, isOnFront }) => {
    return { name, accuracy, low, high, latency: cost.latencyMs, isOnFront, isChosen: name === recommended };
  });
  return chart(
    {
      width: 640,
      height: 380,
      marginLeft: 52,
      marginBottom: 46,
      marginRight: 90,
      style: { fontSize: "12px" },
      x: {
        type: "log",
        label: "milliseconds a picture",
        labelAnchor: "center",
        labelArrow: "none",
        labelOffset: 40,
        ticks: 5,
        tickFormat: "~g",
      },
      y: { label: "expected accuracy", labelArrow: "none", tickFormat: "%", nice: true, ticks: 6 },
      marks: [
        Plot.gridY({ stroke: "var(--rule)", strokeOpacity: 1 }),
        Plot.ruleX(points, { x: "latency", y1: "low", y2: "high", stroke: "var(--muted)", strokeOpacity: 0.6 }),
        Plot.dot(points, {
          x: "latency",
          y: "accuracy",
          r: ({ isChosen }: { isChosen: boolean }) => (isChosen ? 8 : 5),
          fill: ({ isOnFront }: { isOnFront: boolean }) => (isOnFront ? "var(--accent)" : "var(--paper)"),
          stroke: "var(--accent)",
          title: ({ name, accuracy }: { name: string; accuracy: number }) => `${name}: ${percent(accuracy)}`,
        }),
        Plot.text(points, {
          x: "latency",
          y: "accuracy",
          text: "name",
          dx: 10,
          textAnchor: "start",
          fill: "var(--ink)",
        }),
      ],
    },
    { label: "Expected accuracy of each network against its milliseconds a picture", fit: "shrinking" },
  );
}

function tablePart({ candidates, pictures }: Recommendation): Part {
  const rows = candidates.map(
    ({ name, accuracy, interval, pictures: judged, cost, trainSeconds, licence, isTied }) =>
      html`<tr><th scope="row">${name}${isTied ? "" : " *"}</th><td class="number">${percent(accuracy)}</td><td class="number">${percentRange(interval)}</td>
<td class="number">${count(judged)}</td><td class="number">${milliseconds(cost.latencyMs)}</td><td class="number">${milliseconds(cost.p95LatencyMs)}</td>
<td class="number">${rate(cost.imagesPerSecond)}</td><td class="number">${megabytes(cost.sizeBytes)}</td><td class="number">${megabytes(cost.memoryBytes)}</td>
<td class="number">${duration(trainSeconds)}</td><td>${licence}</td></tr>\n`,
  );
  const early = candidates.some((one) => one.pictures < pictures.judged);
  const head = ["Accuracy", "95%", "Images", "Latency", "p95", "Images/s", "Model", "Memory", "Training"];
  return {
    id: "networks",
    title: "Every network that took part",
    body: html`
<p class="lead">An asterisk marks those that are behind the best by more than chance.${
      early
        ? " A network that dropped out early was judged on fewer images; its accuracy is estimated from how far it was behind then."
        : ""
    } Training time is predicted from the speed here.</p>
<div class="scroll"><table><caption>Best first</caption>
<thead><tr><th scope="col">Network</th>${head.map((name) => html`<th scope="col" class="number">${name}</th>`)}<th scope="col">Licence</th></tr></thead>
<tbody>${rows}</tbody></table></div>`,
  };
}

function scoresPart({ candidates }: Recommendation): Part {
  const rows = candidates.map(
    ({ name, scores, features }) =>
      html`<tr><th scope="row">${name}</th><td class="number">${scores.logme.toFixed(3)}</td><td class="number">${scores.hScore.toFixed(2)}</td>
<td class="number">${percent(scores.knn)}</td><td class="number">${count(features)}</td><td class="number">${count(scores.rows)}</td></tr>\n`,
  );
  return {
    id: "transferability",
    title: "How well the features suit the labels",
    body: html`
<p class="lead">Estimates that need no training: LogME (You et al. 2021), the H-score with shrinkage (Ibrahim et al. 2021), and how often the
five nearest pictures name a picture rightly. They are shown for comparison; the order above is the probe’s.</p>
<table><caption>Higher is better; H-scores compare only at the same number of images</caption>
<thead><tr><th scope="col">Network</th><th scope="col" class="number">LogME</th><th scope="col" class="number">H-score</th><th scope="col" class="number">5-NN</th><th scope="col" class="number">Features</th><th scope="col" class="number">Images</th></tr></thead>
<tbody>${rows}</tbody></table>`,
  };
}

function leftOutPart({ leftOut }: Recommendation): Part | null {
  if (leftOut.length === 0) return null;
  const rows = leftOut.map(({ name, reason }) => html`<tr><th scope="row">${name}</th><td>${reason}</td></tr>\n`);
  return {
    id: "left-out",
    title: "Networks that took no part",
    body: html`<details><summary>${plural(leftOut.length, "network")}, with the reason</summary>
<table><thead><tr><th scope="col">Network</th><th scope="col">Why</th></tr></thead><tbody>${rows}</tbody></table></details>`,
  };
}
