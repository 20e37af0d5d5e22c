/** Extracts the images from a request's body, by its content type: raw, JSON or form. Decodes no image. */

import { setImmediate as turn } from "node:timers/promises";
import { Busboy } from "@fastify/busboy";
import { messageOf } from "../base/errors.ts";
import type { JsonBounds } from "../base/json-bounds.ts";
import { shown } from "../base/text.ts";
import { LongText, parseJson } from "../http/json.ts";
import { Refusal } from "../http/responses.ts";

type Reader = (
  body: Buffer,
  contentType: string,
  maxImages: number,
) => readonly SentImage[] | Promise<readonly SentImage[]>;

const rawImage: Reader = (body) => [{ bytes: body }];

/** Content types (in lower case, without parameters) and their readers. The first match counts. */
const readers: readonly { readonly type: RegExp; readonly read: Reader }[] = [
  { type: /^image\/[a-z0-9.+-]+$/, read: rawImage },
  { type: /^application\/octet-stream$/, read: rawImage },
  { type: /^multipart\/form-data$/, read: imagesOfForm },
  { type: /^application\/json$/, read: (body, _, maxImages) => imagesOfJson(body, maxImages) },
];

/**
 * The images of a request, at least one.
 *
 * @param contentType the header as it came
 * @throws Refusal (400, 413, 415)
 */
export async function sentImagesOf(
  body: Buffer,
  contentType: string | undefined,
  maxImages: number,
): Promise<readonly SentImage[]> {
  const type = (contentType ?? "").split(";")[0]!.trim().toLowerCase();
  const reader = readers.find((row) => row.type.test(type));
  if (!reader) {
    throw new Refusal(
      415,
      "Send an image as the body (image/jpeg, …), files as multipart/form-data, or base64 as application/json.",
    );
  }
  if (body.length === 0) throw new Refusal(400, "The body is empty: send an image.");
  const images = await reader.read(body, contentType!, maxImages);
  if (images.length === 0) throw new Refusal(400, "There is no image in the request: send at least one.");
  return images;
}

// An image in a request, and the refusal of too many of them.

export interface SentImage {
  /** The file name, if the request has one. */
  readonly name?: string | undefined;
  readonly bytes: Uint8Array;
}

/** The refusal of a request with too many images. */
export const tooMany = (maxImages: number): Refusal =>
  new Refusal(413, `A request can have at most ${maxImages} images: send several requests.`);

// `application/json`: `{ "image": "…" }` or `{ "images": ["…", …] }`, base64 or `data:` URLs. Base64 is decoded in place, in
// the body's own memory, so that thirty megabytes are not held three times.

const FORM = 'Send { "image": "BASE64" } or { "images": ["BASE64", …] }';

/** Shorter texts are not images. */
const LONG_TEXT_BYTES = 32;

/** An object with a list, a text and a comma for each image, and some more, so that an error can say what is wrong. */
const boundsFor = (maxImages: number): JsonBounds => ({
  maxDepth: 8,
  maxTokens: 2 * maxImages + 100,
  longTextBytes: LONG_TEXT_BYTES,
  maxPlainBytes: 64e3 + 100 * maxImages,
});

/**
 * @param body overwritten with the decoded images
 * @throws Refusal (400) if the text is not of that form; (413) if it holds too many images, or too much else
 */
export function imagesOfJson(body: Buffer, maxImages: number): readonly SentImage[] {
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

/** Some writers of JSON escape slashes, which are frequent in base64. Other escapes stay, and are refused. */
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

/** Characters to decode at once: a multiple of four. */
const AT_ONCE = 1 << 16;

/** Decodes base64 in place; undefined if it is not base64. */
function decodeInPlace(text: Buffer): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.at(-1) !== PADDING ? 0 : text.at(-2) !== PADDING ? 1 : 2;
  let length = 0;
  for (let at = 0; at < text.length; at += AT_ONCE) {
    // Node skips characters that are not base64, so that the result is shorter than expected.
    length += text.write(text.toString("latin1", at, at + AT_ONCE), length, "base64");
  }
  return length === (text.length / 4) * 3 - padding ? text.subarray(0, length) : undefined;
}

const PADDING = 0x3d;

// `multipart/form-data`: every file of the form, whatever the name of its field.

/** The size of one part's headers in bytes, and the number that is read. */
const MAX_PART_HEADER_BYTES = 4096;
const MAX_PART_HEADERS = 16;
/** Longer file names are refused, because responses repeat them. */
const MAX_NAME_LENGTH = 255;
/** Bytes to parse before checking for an error, and before other requests have their turn. */
const [WRITTEN_AT_ONCE, BETWEEN_TURNS] = [1 << 13, 1 << 18];

/** @throws Refusal (400) if the form is malformed or contains anything but files; (413) if it contains too many */
export async function imagesOfForm(
  body: Buffer,
  contentType: string,
  maxImages: number,
): Promise<readonly SentImage[]> {
  const images: { name?: string; pieces: Buffer[] }[] = [];
  let fault: Refusal | undefined;
  const fail = (refusal: Refusal): void => {
    fault ??= refusal;
  };
  const malformed = (error: unknown): void =>
    fail(new Refusal(400, `The multipart body cannot be read (${messageOf(error)}): send it as a form's files.`));
  try {
    const form = new Busboy({
      headers: { "content-type": contentType },
      // A part of a form without a type is text; images may come without a file's name.
      isPartAFile: (_field, type, filename) => filename !== undefined || type !== "text/plain",
      limits: {
        parts: maxImages,
        fields: 1,
        fieldSize: 1024,
        headerPairs: MAX_PART_HEADERS,
        headerSize: MAX_PART_HEADER_BYTES,
      },
    });
    form.on("file", (_field, file, name) => {
      if ((name ?? "").length > MAX_NAME_LENGTH)
        fail(new Refusal(400, `A file's name is longer than ${MAX_NAME_LENGTH} characters: shorten it.`));
      const pieces: Buffer[] = [];
      images.push({ name, pieces });
      file.on("data", (piece: Buffer) => append(pieces, piece)).on("error", malformed);
    });
    form.on("field", (field) =>
      fail(
        new Refusal(400, `The form's field ${shown(field)} is not a file: put settings into the URL, as in ?top=1.`),
      ),
    );
    form.on("partsLimit", () => fail(tooMany(maxImages)));
    form.on("error", malformed);
    const finished = new Promise((done) => form.on("finish", done).on("error", done));
    for (let at = 0; at < body.length && !fault; at += WRITTEN_AT_ONCE) {
      form.write(body.subarray(at, at + WRITTEN_AT_ONCE));
      if ((at + WRITTEN_AT_ONCE) % BETWEEN_TURNS === 0) await turn();
    }
    if (!fault) {
      form.end();
      await finished;
    }
  } catch (error) {
    malformed(error);
  }
  if (fault) throw fault;
  return images.map(({ pieces, ...named }) => ({
    ...named,
    bytes: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces),
  }));
}

/** Adds a piece of a file. A piece that follows the last one in the body's memory extends it, instead of being copied later. */
function append(pieces: Buffer[], piece: Buffer): void {
  const last = pieces.at(-1);
  if (last && last.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset)
    pieces[pieces.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + piece.length);
  else pieces.push(piece);
}
