/**
 * Limits the structure of untrusted JSON with one cheap pass over its bytes before `JSON.parse`: without it, thirty megabytes of
 * `[],[],[]…` take gigabytes and half a minute. Parses nothing.
 */

export interface JsonBounds {
  /** The greatest depth of nested lists and objects. */
  readonly maxDepth: number;
  /** The most brackets, texts, commas and colons together. */
  readonly maxTokens: number;
  /** Texts with more bytes count as long; {@link scanJson} returns their places. Default: none are long. */
  readonly longTextBytes?: number | undefined;
  /** The most bytes outside of long texts, including spaces; default: no limit. */
  readonly maxPlainBytes?: number | undefined;
}

/** The place of a text, without its quotes. */
export interface TextSpan {
  readonly from: number;
  readonly to: number;
}

/** The result of a pass: the places of long texts, or the limit that is exceeded. */
export type JsonScan =
  | { readonly kind: "bounded"; readonly longTexts: readonly TextSpan[] }
  | { readonly kind: "maxDepth" | "maxTokens" | "maxPlainBytes" };

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Whether JSON is within the limits, so that it is safe to parse. Text that is not JSON may be within them too. */
export const isBoundedJson = (bytes: Uint8Array, bounds: JsonBounds): boolean =>
  scanJson(bytes, bounds).kind === "bounded";

/** Checks the limits. Does not check whether the bytes are JSON: `JSON.parse` does. */
export function scanJson(bytes: Uint8Array, bounds: JsonBounds): JsonScan {
  const { maxDepth, maxTokens, longTextBytes = Number.POSITIVE_INFINITY } = bounds;
  const { maxPlainBytes = Number.POSITIVE_INFINITY } = bounds;
  const longTexts: TextSpan[] = [];
  let [depth, tokens, inTexts] = [0, 0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (at - inTexts > maxPlainBytes) return { kind: "maxPlainBytes" };
    if (byte === QUOTE) {
      const end = endOfText(bytes, at + 1);
      if (end - at - 1 > longTextBytes) {
        longTexts.push({ from: at + 1, to: end });
        inTexts += end - at - 1;
      }
      at = end;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    else if (byte !== COMMA && byte !== COLON) continue;
    tokens++;
    if (depth > maxDepth) return { kind: "maxDepth" };
    if (tokens > maxTokens) return { kind: "maxTokens" };
  }
  return { kind: "bounded", longTexts };
}

/** The end of a text: its closing quote, or the end of the bytes. */
function endOfText(bytes: Uint8Array, from: number): number {
  let at = from;
  // A native search for the first quotes, which is enough for real texts; then byte by byte.
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
