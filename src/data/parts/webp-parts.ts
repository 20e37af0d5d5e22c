/** The frames of a WebP: one is decoded, but libwebp's time to list them grows with the square of their number. */
import { MAX_PARTS, tooMany } from "./count.ts";

const WEBP_HEADER_BYTES = 12;
/** `ANMF`, read as the number that its four letters make. */
const WEBP_FRAME = 0x414e4d46;

export function webpFault(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frames = 0;
  for (let at = WEBP_HEADER_BYTES; at + 8 <= bytes.length; ) {
    if (view.getUint32(at) === WEBP_FRAME && ++frames > MAX_PARTS) return tooMany("frames", MAX_PARTS);
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size & 1);
  }
  return undefined;
}
