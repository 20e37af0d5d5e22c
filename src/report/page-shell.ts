/**
 * The page around the sections: head, policy, style, title, footer; and the type that sections have. Knows nothing of their
 * content.
 */

import type { Evaluation } from "../metrics/evaluation.ts";
import type { ReportInput } from "../run/report-input.ts";
import { Html, html } from "./html.ts";
import { styleSheet } from "./style-sheet.ts";

/** One part of a page. */
export interface PagePart {
  /** The anchor; unique on the page. */
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/** The content of a page. */
export interface Page {
  readonly title: string;
  /** The small line above the title. */
  readonly eyebrow: string;
  /** The line under the title. */
  readonly subtitle: string;
  readonly parts: readonly PagePart[];
  readonly footer: string;
  /** Names and contents of additional `meta` elements. */
  readonly meta?: Readonly<Record<string, string>> | undefined;
}

/** Nothing may be fetched, run or sent: styles are inline, images are `data:` URIs. */
export const contentPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** One self-contained HTML document. */
export function renderPage({ title, eyebrow, subtitle, parts, footer, meta = {} }: Page): string {
  const sections = parts.map(
    ({ id, title, body }) => html`
<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>`,
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
${Object.entries(meta).map(([name, content]) => html`<meta name="${name}" content="${content}">\n`)}<title>${title}</title>
<style>${new Html(styleSheet)}</style>
</head>
<body>
<header class="page">
<p class="eyebrow">${eyebrow}</p>
<h1>${title}</h1>
<p class="subtitle">${subtitle}</p>
</header>
<main>${sections}
</main>
<footer class="page">${footer}</footer>
</body>
</html>
`.markup;
}

// The type of the report's sections, and the choice that several share: which evaluation to show.

/** Turns the input into a part of the page; null if there is nothing to say. */
export type Section = (input: ReportInput) => PagePart | null;

/** The evaluation that the report leads with, and a name for its images. */
export interface LeadEvaluation {
  readonly evaluation: Evaluation;
  /** `test`, `cross-validation`, `validation`: goes before "accuracy". */
  readonly name: string;
  /** `320 test images`. */
  readonly images: string;
  readonly isTest: boolean;
}

/** The test set's evaluation; without a test set, the validation's. */
export function leadEvaluation({ test, validation }: ReportInput): LeadEvaluation {
  const evaluation = test ?? validation;
  const [name, kind] = test
    ? ["test", "test"]
    : validation.source !== "cross-validation"
      ? ["validation", "validation"]
      : ["cross-validation", "training"];
  const images = `${evaluation.examples.toLocaleString("en-US")} ${kind} ${evaluation.examples === 1 ? "image" : "images"}`;
  return { evaluation, name, images, isTest: test !== undefined };
}
