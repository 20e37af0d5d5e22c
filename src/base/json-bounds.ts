/**
 * The structure of JSON that anybody may have written, bounded by one cheap pass over its bytes before `JSON.parse` builds
 * anything: thirty megabytes of `[],[],[]…` would else take gigabytes and half a minute. Parses nothing.
 */

export interface JsonBounds {
  /** How deep lists and objects may be nested. */
  readonly maxDepth: number;
  /** Names, values and the commas and colons between them, counted together. */
  readonly maxTokens: number;
  /** Texts of more bytes are long ones, which {@link scanJson} finds; default: none are. */
  readonly longTextBytes?: number | undefined;
  /** Bytes of everything but long texts, spaces included; default: no bound. */
  readonly maxPlainBytes?: number | undefined;
}

/** Where a text is, without its quotes. */
export interface TextSpan {
  readonly from: number;
  readonly to: number;
}

/** What came of a pass: where the long texts are, or the bound that is not kept. */
export type JsonScan =
  | { readonly kind: "bounded"; readonly longTexts: readonly TextSpan[] }
  | { readonly kind: "maxDepth" | "maxTokens" | "maxPlainBytes" };

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Whether JSON keeps within bounds, so that it can be parsed by anyone. What is not JSON may do so too. */
export const isBoundedJson = (bytes: Uint8Array, bounds: JsonBounds): boolean =>
  scanJson(bytes, bounds).kind === "bounded";

/** Checks the bounds. What is not JSON is left for `JSON.parse` to refuse. */
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

/** Where a text ends: its closing quote, or the end of the bytes. */
function endOfText(bytes: Uint8Array, from: number): number {
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
