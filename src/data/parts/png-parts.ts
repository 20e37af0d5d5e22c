/** The chunks of a PNG. Only their number is looked at: its pixels are in one pass, or in the seven of an interlaced image. */
import { tooMany } from "./count.ts";

/** Pixels may come in chunks of a few kilobytes. */
const MAX_CHUNKS = 100_000;
const SIGNATURE_BYTES = 8;

export function pngFault(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let chunks = 0;
  for (let at = SIGNATURE_BYTES; at + 8 <= bytes.length; at += 12 + view.getUint32(at))
    if (++chunks > MAX_CHUNKS) return tooMany("chunks", MAX_CHUNKS);
  return undefined;
}
