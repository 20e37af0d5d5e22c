/** The bytes of a body → the pictures in it, by its content type. Nothing is decoded here. */
import { Refusal } from "../../http/refusal.ts";
import { picturesOfForm } from "./form.ts";
import { picturesOfJson } from "./json.ts";
import type { SentImage } from "./sent.ts";

type Reader = (
  body: Buffer,
  contentType: string,
  maxImages: number,
) => readonly SentImage[] | Promise<readonly SentImage[]>;

const picture: Reader = (body) => [{ bytes: body }];

/** Content types (in lower case, without parameters), and how pictures are had from them. The first that fits counts. */
const readers: readonly { readonly type: RegExp; readonly read: Reader }[] = [
  { type: /^image\/[a-z0-9.+-]+$/, read: picture },
  { type: /^application\/octet-stream$/, read: picture },
  { type: /^multipart\/form-data$/, read: picturesOfForm },
  { type: /^application\/json$/, read: (body, _, maxImages) => picturesOfJson(body, maxImages) },
];

/**
 * The pictures of a request, at least one.
 *
 * @param contentType the header as it came
 * @throws Refusal (400, 413, 415)
 */
export async function picturesOf(
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
  const pictures = await reader.read(body, contentType!, maxImages);
  if (pictures.length === 0) throw new Refusal(400, "There is no image in the request: send at least one.");
  return pictures;
}
