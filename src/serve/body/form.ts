/** `multipart/form-data` → pictures: every file of the form, whatever its field is called. */
import { Busboy } from "@fastify/busboy";
import { messageOf } from "../../base/errors.ts";
import { Refusal } from "../../http/refusal.ts";
import { type SentPicture, tooMany } from "./pictures.ts";

/** Bytes of one part's headers, and how many of them are read. */
const MAX_PART_HEADER_BYTES = 4096;
const MAX_PART_HEADERS = 16;
/** Longer file names are refused: they would be sent back with each answer. */
const MAX_NAME_LENGTH = 255;

/** @throws Refusal (400) where the form is malformed or holds anything but files; (413) where it holds too many */
export async function picturesOfForm(
  body: Buffer,
  contentType: string,
  maxImages: number,
): Promise<readonly SentPicture[]> {
  const pictures: { name?: string; chunks: Buffer[] }[] = [];
  await new Promise<void>((done, fail) => {
    const malformed = (error: unknown): void =>
      fail(new Refusal(400, `The multipart body cannot be read (${messageOf(error)}): send it as a form's files.`));
    try {
      const form = new Busboy({
        headers: { "content-type": contentType },
        // A part of a form without a type is text; pictures may come without a file's name.
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
        const chunks: Buffer[] = [];
        if ((name ?? "").length > MAX_NAME_LENGTH)
          fail(new Refusal(400, `A file's name is longer than ${MAX_NAME_LENGTH} characters: shorten it.`));
        pictures.push({ ...(name === undefined ? {} : { name }), chunks });
        file.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", malformed);
      });
      form.on("field", (field) => {
        fail(
          new Refusal(
            400,
            `The form's field ${JSON.stringify(field)} is no file: settings go into the address, as ?top=1.`,
          ),
        );
      });
      form.on("partsLimit", () => fail(tooMany(maxImages)));
      form.on("error", malformed);
      form.on("finish", done);
      form.end(body);
    } catch (error) {
      malformed(error);
    }
  });
  return pictures.map(({ chunks, ...named }) => ({ ...named, bytes: Buffer.concat(chunks) }));
}
