/** The page around the sections: head, policy, style, title, footer. Knows nothing of what the sections say. */
import { Html, html } from "./html.ts";
import { styleSheet } from "./style/sheet.ts";

/** One part of a page. */
export interface Part {
  /** The anchor; unique on the page. */
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/** A page to be laid out. */
export interface Page {
  readonly title: string;
  /** The small line above the title. */
  readonly eyebrow: string;
  /** The line under the title. */
  readonly subtitle: string;
  readonly parts: readonly Part[];
  readonly footer: string;
  /** Names and contents of further `meta` elements. */
  readonly meta?: Readonly<Record<string, string>> | undefined;
}

/** Nothing may be fetched, run or sent: styles are inline, pictures are `data:` URIs. */
export const contentPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** One HTML document that stands by itself. */
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
