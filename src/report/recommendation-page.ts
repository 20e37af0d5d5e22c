/** The report of a recommendation as one HTML file: which network, why, and what the others would cost and bring. */
import * as Plot from "@observablehq/plot";
import type { RankedCandidate, Recommendation } from "../advise/recommend/recommendation.ts";
import { chart } from "./chart.ts";
import { count, date, duration, type Html, html, listed, percent, percentRange, plural, rate } from "./html.ts";
import { type PagePart, renderPage } from "./page-shell.ts";

/** What the page says besides the recommendation. */
export interface RecommendationPage {
  readonly dataset: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** The command to run next. */
  readonly next: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

/** One self-contained HTML document, as a training's report is. Throws a usage error if `createdAt` is not a date. */
export function renderRecommendation(found: Recommendation, page: RecommendationPage): string {
  return renderPage({
    title: `Recommended network for ${page.dataset}`,
    eyebrow: `Graft recommendation · ${date(page.createdAt)}`,
    subtitle: `${plural(found.classes.length, "class", "classes")}: ${listed(found.classes)}`,
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

function headline(found: Recommendation, next: string | undefined): PagePart {
  const { recommended, candidates, baseline, pictures, gap } = found;
  const chosen = candidates.find(({ name }) => name === recommended) ?? null;
  return {
    id: "recommended",
    title: recommended === undefined ? "No recommendation" : `Use ${recommended}`,
    body: html`
<p class="verdict">${found.reason}</p>
${
  chosen &&
  html`<div class="score"><div>
<p class="value">${percent(chosen.accuracy)}</p>
<p class="what">expected accuracy of a linear probe (${percentRange(chosen.interval)})</p>
</div>
<dl class="aside">
<div><dt>Latency per image</dt><dd>${milliseconds(chosen.cost.latencyMs)}</dd></div>
<div><dt>Model size</dt><dd>${megabytes(chosen.cost.sizeBytes)}</dd></div>
<div><dt>Training time</dt><dd>about ${duration(chosen.trainSeconds)}</dd></div>
<div><dt>Baseline: always “${baseline.class}”</dt><dd>${percent(baseline.accuracy)}</dd></div>
</dl></div>`
}
${next === undefined ? null : html`<pre tabindex="0" aria-label="the command to run next"><code>${next}</code></pre>`}
<p class="lead">Measured on this machine in ${duration(found.seconds)}${
      found.fetchSeconds > 0.5 ? ` (of which ${duration(found.fetchSeconds)} for downloads)` : ""
    }, on ${count(pictures.judged)} of ${plural(pictures.available, "training image")}; ${plural(found.keptForTest, "image")} held out for testing took no part.${
      found.interrupted ? " It was stopped early." : ""
    }</p>
${gap === undefined ? null : html`<p class="lead">${gap.words} This is only a hint; the recommendation is based on accuracy.</p>`}`,
  };
}

function frontPart({ candidates, recommended }: Recommendation): PagePart | null {
  if (candidates.length < 2) return null;
  return {
    id: "front",
    title: "Accuracy and latency",
    body: html`
<p class="lead">Each dot is a network; its line is the 95% interval. A filled dot means that no other network is at least as accurate, as fast and as small.</p>
<figure>${frontChart(candidates, recommended)}<figcaption>Expected accuracy against milliseconds per image on this machine</figcaption></figure>`,
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
        label: "milliseconds per image",
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
    { label: "Expected accuracy of each network against milliseconds per image", fit: "shrinking" },
  );
}

function tablePart({ candidates, pictures }: Recommendation): PagePart {
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
    title: "All compared networks",
    body: html`
<p class="lead">An asterisk marks networks that are behind the best one by more than chance.${
      early
        ? " A network that dropped out early was measured on fewer images; its accuracy is estimated from its distance to the best at that point."
        : ""
    } Training time is estimated from the speed on this machine.</p>
<div class="scroll"><table><caption>Best first</caption>
<thead><tr><th scope="col">Network</th>${head.map((name) => html`<th scope="col" class="number">${name}</th>`)}<th scope="col">Licence</th></tr></thead>
<tbody>${rows}</tbody></table></div>`,
  };
}

function scoresPart({ candidates }: Recommendation): PagePart {
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
five nearest images predict an image’s class correctly. They are shown for comparison; the ranking above uses the linear probe.</p>
<table><caption>Higher is better; H-scores compare only at the same number of images</caption>
<thead><tr><th scope="col">Network</th><th scope="col" class="number">LogME</th><th scope="col" class="number">H-score</th><th scope="col" class="number">5-NN</th><th scope="col" class="number">Features</th><th scope="col" class="number">Images</th></tr></thead>
<tbody>${rows}</tbody></table>`,
  };
}

function leftOutPart({ leftOut }: Recommendation): PagePart | null {
  if (leftOut.length === 0) return null;
  const rows = leftOut.map(({ name, reason }) => html`<tr><th scope="row">${name}</th><td>${reason}</td></tr>\n`);
  return {
    id: "left-out",
    title: "Networks that were not compared",
    body: html`<details><summary>${plural(leftOut.length, "network")}, with reasons</summary>
<table><thead><tr><th scope="col">Network</th><th scope="col">Reason</th></tr></thead><tbody>${rows}</tbody></table></details>`,
  };
}
