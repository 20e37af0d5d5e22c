/**
 * `application/json` → images: `{ "image": "…" }` or `{ "images": ["…", …] }`, base64 or `data:` URLs. The base64 is decoded where
 * it is, into the body's own memory, for it only becomes shorter: thirty megabytes are not held three times.
 */
import type { JsonBounds } from "../../base/json-bounds.ts";
import { LongText, parseJson } from "../../http/json.ts";
import { Refusal } from "../../http/refusal.ts";
import { type SentImage, tooMany } from "./sent.ts";

const FORM = 'Send { "image": "BASE64" } or { "images": ["BASE64", …] }';

/** Shorter texts are no images. */
const LONG_TEXT_BYTES = 32;

/** An object with a list, a text and a comma for each image, and something to spare for a sentence about what is wrong. */
const boundsFor = (maxImages: number): JsonBounds => ({
  maxDepth: 8,
  maxTokens: 2 * maxImages + 100,
  longTextBytes: LONG_TEXT_BYTES,
  maxPlainBytes: 64e3 + 100 * maxImages,
});

/**
 * @param body overwritten by what it holds
 * @throws Refusal (400) where the text is not of that form; (413) where it holds too many images, or too much else
 */
export function picturesOfJson(body: Buffer, maxImages: number): readonly SentImage[] {
  const texts = textsOf(parseJson(body, boundsFor(maxImages)));
  if (texts.length > maxImages) throw tooMany(maxImages);
  return texts.map((text, i) => ({ bytes: bytesOf(text, i) }));
}

function textsOf(value: unknown): readonly unknown[] {
  if (typeof value !== "object" || value === null) throw new Refusal(400, `${FORM}.`);
  const [[key, given] = [], ...more] = Object.entries(value);
  if (more.length === 0 && key === "image") return [given];
  if (more.length === 0 && key === "images" && Array.isArray(given)) return given;
  throw new Refusal(400, `${FORM}, and nothing else.`);
}

function bytesOf(text: unknown, index: number): Uint8Array {
  const bytes = text instanceof LongText ? text.bytes : Buffer.from(typeof text === "string" ? text : "?");
  const decoded = decodeInPlace(withoutPrefix(withoutEscapes(bytes)));
  if (!decoded) throw new Refusal(400, `Image ${index} is not base64. ${FORM}.`);
  return decoded;
}

const [BACKSLASH, SLASH] = [0x5c, 0x2f];

/** Some writers of JSON escape slashes, which base64 is full of. No other escape is of use here; it is left, to be refused. */
function withoutEscapes(text: Buffer): Buffer {
  let to = text.indexOf(BACKSLASH);
  if (to < 0) return text;
  for (let at = to; at < text.length; at++) {
    if (text[at] === BACKSLASH && text[++at] !== SLASH) return text;
    text[to++] = text[at]!;
  }
  return text.subarray(0, to);
}

/** The start of a `data:` URL, up to its comma. */
function withoutPrefix(text: Buffer): Buffer {
  const prefix = /^data:[^,]{0,100};base64,/.exec(text.toString("latin1", 0, 120))?.[0] ?? "";
  return text.subarray(prefix.length);
}

/** Characters that are decoded at once: a multiple of four. */
const AT_ONCE = 1 << 16;

/** Base64 decoded over itself; nothing where it is not base64. */
function decodeInPlace(text: Buffer): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.at(-1) !== PADDING ? 0 : text.at(-2) !== PADDING ? 1 : 2;
  let length = 0;
  for (let at = 0; at < text.length; at += AT_ONCE) {
    // Characters that are not base64 are skipped by Node, so that less comes out than there should.
    length += text.write(text.toString("latin1", at, at + AT_ONCE), length, "base64");
  }
  return length === (text.length / 4) * 3 - padding ? text.subarray(0, length) : undefined;
}

const PADDING = 0x3d;
