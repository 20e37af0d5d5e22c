/** The frames of a GIF (GIF89a specification): one is decoded, but decoders read all of them. */
import { MAX_PARTS, tooMany } from "./count.ts";

const [EXTENSION, GIF_FRAME, TRAILER] = [0x21, 0x2c, 0x3b];
const GIF_HEADER_BYTES = 13;

/** Bytes of the table of colours that a byte of flags announces. */
const tableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 << ((flags & 7) + 1));

export function gifFault(bytes: Uint8Array): string | undefined {
  let frames = 0;
  let at = GIF_HEADER_BYTES + tableBytes(bytes[10] ?? 0);
  /** Past the pieces of a block, each of which begins with its length; the last is empty. */
  const skipPieces = (): void => {
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1;
    at++;
  };
  while (at < bytes.length) {
    const kind = bytes[at];
    if (kind === TRAILER) return undefined;
    if (kind === EXTENSION) {
      at += 2;
      skipPieces();
    } else if (kind === GIF_FRAME) {
      if (++frames > MAX_PARTS) return tooMany("frames", MAX_PARTS);
      at += 11 + tableBytes(bytes[at + 9] ?? 0);
      skipPieces();
    } else at++;
  }
  return undefined;
}
