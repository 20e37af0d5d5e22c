/**
 * Building blocks of pages: a template tag that escapes every value which is not markup, tables and bars, and numbers, times
 * and dates as text.
 */
import { usageError } from "../base/errors.ts";

/** A piece of finished markup. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** What a template accepts: markup as it is, text and numbers escaped, lists joined, nothing for null. */
export type HtmlValue = Html | string | number | null | readonly HtmlValue[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for element content and quoted attributes; control characters that HTML forbids become U+FFFD. */
export function escapeHtml(text: string): string {
  return text.replace(/(?![\t\n\r])\p{Cc}/gu, "\ufffd").replace(/[&<>"']/g, (c) => entities[c]!);
}

function markupOf(value: HtmlValue): string {
  if (value === null) return "";
  if (value instanceof Html) return value.markup;
  if (typeof value === "string") return escapeHtml(value);
  return typeof value === "number" ? String(value) : value.map(markupOf).join("");
}

/** The template tag. */
export const html = (strings: TemplateStringsArray, ...values: HtmlValue[]): Html =>
  new Html(strings.reduce((sum, text, i) => sum + markupOf(values[i - 1]!) + text));

// Tables, bars and lists that several sections use.

/** A table of names and values. Rows whose value is null are left out. */
export function factTable(caption: string, facts: readonly (readonly [name: string, value: HtmlValue])[]): Html {
  const rows = facts
    .filter(([, value]) => value !== null)
    .map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`);
  return html`<table class="facts"><caption>${caption}</caption><tbody>
${rows}</tbody></table>`;
}

/** A thin bar for a share in [0, 1]. */
export const bar = (share: number, kind: "accent" | "soft" = "accent"): Html =>
  html`<span class="bar ${kind}" aria-hidden="true"><i style="--at: ${share}"></i></span>`;

/** A list that shows its first items and folds the others away. */
export function folded(rest: number, summary: string, content: Html): Html | null {
  return rest > 0 ? html`<details><summary>${summary}</summary>${content}</details>` : null;
}

// Numbers, times and dates as text. English, UTC, the same on every machine.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `23508032` → `23,508,032`. */
export const count = (value: number): string => whole.format(value);

/** `(1, "image")` → `1 image`, `(2, "image")` → `2 images`. */
export const plural = (value: number, noun: string, nouns = `${noun}s`): string =>
  `${count(value)} ${value === 1 ? noun : nouns}`;

/** `23508032` → `23.5 million`; below a million as {@link count}. */
export const big = (value: number): string => (value < 1e6 ? count(value) : `${(value / 1e6).toFixed(1)} million`);

/** `0.9134` → `91.3%`; `—` for null. Never 100% for less than all, nor 0% for more than none. */
export function percent(share: number | null): string {
  if (share === null) return "—";
  if (share === 0 || share === 1) return `${share * 100}%`;
  if (share < 0.0005) return "<0.1%";
  return share >= 0.9995 ? ">99.9%" : `${(share * 100).toFixed(1)}%`;
}

/** `[0.884, 0.936]` → `88.4–93.6%`. */
export const percentRange = ([low, high]: readonly [number, number]): string =>
  `${percent(low).replace("%", "")}–${percent(high)}`;

/** Seconds: `0.42 s`, `12.3 s`, `3 min 12 s`, `1 h 05 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes} min ${pad(Math.round(seconds) % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

const pad = (value: number): string => String(value).padStart(2, "0");

/** Images per second: `38.2`, `276`. */
export const rate = (value: number): string => (value < 100 ? value.toFixed(1) : count(value));

/** An ISO 8601 instant → `24 November 2025, 14:02 UTC`. Throws a usage error for anything else. */
export function date(iso: string): string {
  const instant = new Date(iso);
  if (Number.isNaN(instant.getTime())) throw usageError(`"${iso}" is not a date. Use ISO 8601.`);
  const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });
  return `${format.format(instant).replace(" at ", ", ")} UTC`;
}

/** At most `length` characters, with an ellipsis for the rest. Never splits a character. */
export function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}

/** `a, b and c`; beyond `limit` names, the first and `and 12 more`. */
export function listed(names: readonly string[], limit = 8): string {
  const short = names.map((name) => shorten(name, 40));
  if (short.length > limit) return `${short.slice(0, limit).join(", ")} and ${count(short.length - limit)} more`;
  return short.length < 2 ? short.join("") : `${short.slice(0, -1).join(", ")} and ${short.at(-1)!}`;
}
