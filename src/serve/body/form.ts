/** `multipart/form-data` → images: every file of the form, whatever its field is called. */
import { setImmediate as turn } from "node:timers/promises";
import { Busboy } from "@fastify/busboy";
import { messageOf } from "../../base/errors.ts";
import { shown } from "../../base/text.ts";
import { Refusal } from "../../http/refusal.ts";
import { type SentImage, tooMany } from "./sent.ts";

/** Bytes of one part's headers, and how many of them are read. */
const MAX_PART_HEADER_BYTES = 4096;
const MAX_PART_HEADERS = 16;
/** Longer file names are refused: they would be sent back with each answer. */
const MAX_NAME_LENGTH = 255;
/** Bytes that are looked through before it is asked whether to go on, and before others have their turn. */
const [WRITTEN_AT_ONCE, BETWEEN_TURNS] = [1 << 13, 1 << 18];

/** @throws Refusal (400) where the form is malformed or holds anything but files; (413) where it holds too many */
export async function picturesOfForm(
  body: Buffer,
  contentType: string,
  maxImages: number,
): Promise<readonly SentImage[]> {
  const pictures: { name?: string; pieces: Buffer[] }[] = [];
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
      pictures.push({ name, pieces });
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
  return pictures.map(({ pieces, ...named }) => ({
    ...named,
    bytes: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces),
  }));
}

/** Adds a piece of a file; one that follows the last in the body's own memory makes that longer instead of being copied later. */
function append(pieces: Buffer[], piece: Buffer): void {
  const last = pieces.at(-1);
  if (last && last.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset)
    pieces[pieces.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + piece.length);
  else pieces.push(piece);
}
