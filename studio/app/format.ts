/** Formats numbers and durations for people: the report's functions, and some that only the page needs. */
export { big, count, duration, listed, percent, percentRange, plural, rate, shorten } from "../../src/report/html.ts";

/** Bytes: `8.1 MB`. */
export const bytes = (value: number): string =>
  value < 1e6
    ? `${Math.max(1, Math.round(value / 1e3))} kB`
    : value < 1e9
      ? `${(value / 1e6).toFixed(value < 1e7 ? 1 : 0)} MB`
      : `${(value / 1e9).toFixed(1)} GB`;

/** The last part of a path. */
export const lastPart = (path: string): string => path.split(/[/\\]/).at(-1)!;

/** A time in the user's time zone: `25 Nov, 14:02`. */
export const moment = (iso: string): string =>
  new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(
    new Date(iso),
  );

/** Remaining time: `about 40 s`, `about 3 min`. */
export function timeLeft(seconds: number): string {
  if (seconds < 60) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}

/** Which part of the network a training trained. */
export const depthOf = (unfreeze: string): string =>
  unfreeze === "none"
    ? "head only"
    : unfreeze === "all"
      ? "every layer"
      : `last ${unfreeze === "1" ? "stage" : `${unfreeze} stages`}`;
