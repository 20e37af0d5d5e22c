/**
 * Parses JSON from untrusted clients, with a bounded structure (base/json-bounds.ts). Long texts (base64 of images) can stay in
 * the body's memory instead of being copied.
 */
import { randomUUID } from "node:crypto";
import { type JsonBounds, scanJson, type TextSpan } from "../base/json-bounds.ts";
import { Refusal } from "./responses.ts";

/** A text that stays in the body: the bytes between its quotes, including escapes. */
export class LongText {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** @throws Refusal (400) if the bytes are not JSON; (413) if their structure is too large or too deep */
export function parseJson(bytes: Buffer, bounds: JsonBounds): unknown {
  const texts = longTextsOf(bytes, bounds);
  if (texts.length === 0) return parsed(utf8(bytes));
  // Each long text is replaced by a short one that no client can guess.
  const key = randomUUID();
  const found = new Map<unknown, LongText>();
  let [plain, at] = ["", 0];
  for (const [i, { from, to }] of texts.entries()) {
    plain += `${utf8(bytes.subarray(at, from))}${key}${i}`;
    found.set(`${key}${i}`, new LongText(bytes.subarray(from, to)));
    at = to;
  }
  const value = restored(parsed(plain + utf8(bytes.subarray(at))), found);
  // If a field occurs twice, `JSON.parse` keeps the last one.
  if (found.size > 0) throw new Refusal(400, "The JSON has two fields with the same name: send each once.");
  return value;
}

function longTextsOf(bytes: Buffer, bounds: JsonBounds): readonly TextSpan[] {
  const scan = scanJson(bytes, bounds);
  switch (scan.kind) {
    case "bounded":
      return scan.longTexts;
    case "maxPlainBytes":
      throw new Refusal(
        413,
        `The JSON has more than ${bounds.maxPlainBytes! / 1e3} kB in addition to its images: leave out spaces.`,
      );
    case "maxDepth":
      throw new Refusal(413, `The JSON has more than ${bounds.maxDepth} levels: send flat JSON.`);
    case "maxTokens":
      throw new Refusal(413, "The JSON has too many values: send fewer per request.");
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Refusal(400, "The JSON is not UTF-8: send it as UTF-8.");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "The body is not JSON.");
  }
}

/** Puts the long texts in `found` back into the value; a name cannot be one. */
function restored(value: unknown, found: Map<unknown, LongText>): unknown {
  const text = found.get(value);
  found.delete(value);
  if (text) return text;
  if (Array.isArray(value)) return value.map((item) => restored(item, found));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      if (found.has(name)) throw new Refusal(400, "A name in the JSON is too long: send only documented fields.");
      return [name, restored(item, found)];
    }),
  );
}
