/** Structured logs: one JSON object a line, safe to look at on a terminal whatever names and paths clients make up. */
import { escapedJson } from "../base/text.ts";

/** Writes one event with its fields; `time` (ISO 8601), `level` and `event` come first. */
export type Log = (level: "info" | "warn" | "error", event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** A log that writes lines to a sink, by default standard error. */
export const createLog =
  (write: (line: string) => void = (line) => process.stderr.write(line)): Log =>
  (level, event, fields = {}) =>
    write(`${escapedJson(JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }))}\n`);
