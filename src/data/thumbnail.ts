/** Small pictures for reports. Not for training: see decode.ts, which reads them here too, so that what could be trained on can be shown. */
import sharp from "sharp";
import { decodeImage } from "./decode.ts";

/** A square JPEG of `side` pixels, upright, alpha over white, as base64. Throws a data error where the file cannot be read. */
export async function thumbnail(path: string, side = 160): Promise<string> {
  const { width, height, data } = await decodeImage(path);
  const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(side, side, { fit: "cover" })
    .jpeg({ quality: 72 })
    .toBuffer();
  return bytes.toString("base64");
}
