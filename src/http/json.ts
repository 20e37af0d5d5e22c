/**
 * JSON that a stranger sent. Its structure is bounded by one cheap pass over the bytes before `JSON.parse` builds anything:
 * thirty megabytes of `[],[],[]…` would else take gigabytes and half a minute. Long texts (base64 of images) need not be copied:
 * they can be left where they are.
 */
import { randomUUID } from "node:crypto";
import { Refusal } from "./refusal.ts";

export interface JsonBounds {
  /** How deep lists and objects may be nested. */
  readonly maxDepth: number;
  /** Names, values and the commas and colons between them, counted together. */
  readonly maxTokens: number;
  /** Texts of more bytes stay {@link LongText}s; default: none do. */
  readonly longTextBytes?: number | undefined;
  /** Bytes of everything else, spaces included; default: no bound. */
  readonly maxPlainBytes?: number | undefined;
}

/** A text that was left where it is: the bytes between its quotes, escapes and all. */
export class LongText {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Whether JSON keeps within bounds, so that it can be parsed by anyone. What is not JSON may do so too. */
export function isBounded(bytes: Buffer, bounds: JsonBounds): boolean {
  try {
    scan(bytes, bounds);
    return true;
  } catch {
    return false;
  }
}

/** @throws Refusal (400) where the bytes are not JSON; (413) where their structure is too large or too deep */
export function parseJson(bytes: Buffer, bounds: JsonBounds): unknown {
  const texts = scan(bytes, bounds);
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
  // Of two fields of one name `JSON.parse` keeps the last.
  if (found.size > 0) throw new Refusal(400, "The JSON has two fields of one name: send each once.");
  return value;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Checks the bounds; returns where the long texts are. What is not JSON is left for `JSON.parse` to refuse. */
function scan(bytes: Buffer, bounds: JsonBounds): Span[] {
  const { maxDepth, maxTokens, longTextBytes = Number.POSITIVE_INFINITY } = bounds;
  const { maxPlainBytes = Number.POSITIVE_INFINITY } = bounds;
  const texts: Span[] = [];
  let [depth, tokens, inTexts] = [0, 0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (at - inTexts > maxPlainBytes)
      throw new Refusal(413, `The JSON has more than ${maxPlainBytes / 1e3} kB beside its images: leave out spaces.`);
    if (byte === QUOTE) {
      const end = endOfText(bytes, at + 1);
      if (end - at - 1 > longTextBytes) {
        texts.push({ from: at + 1, to: end });
        inTexts += end - at - 1;
      }
      at = end;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    else if (byte !== COMMA && byte !== COLON) continue;
    tokens++;
    if (depth > maxDepth) throw new Refusal(413, `The JSON is nested more than ${maxDepth} deep: send it flat.`);
    if (tokens > maxTokens) throw new Refusal(413, "The JSON has too many values: send fewer at once.");
  }
  return texts;
}

/** Where a text ends: its closing quote, or the end of the bytes. */
function endOfText(bytes: Buffer, from: number): number {
  let at = from;
  // The first quotes by a native search, which is all that texts in earnest need; then byte by byte.
  for (let tries = 0; tries < 100; tries++) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) return bytes.length;
    let backslashes = 0;
    while (quote - backslashes > from && bytes[quote - backslashes - 1] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
  for (; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at;
  }
  return bytes.length;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Refusal(400, "The JSON is not UTF-8: send it in that encoding.");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "The body is not JSON.");
  }
}

/** The value with its long texts back in their places, each taken from `found`; a name cannot be one. */
function restored(value: unknown, found: Map<unknown, LongText>): unknown {
  const text = found.get(value);
  found.delete(value);
  if (text) return text;
  if (Array.isArray(value)) return value.map((item) => restored(item, found));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      if (found.has(name))
        throw new Refusal(400, "A name in the JSON is too long: send the fields that are documented.");
      return [name, restored(item, found)];
    }),
  );
}
