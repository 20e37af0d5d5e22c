/** The segments and scans of a JPEG (ITU T.81, annex B): each scan is a pass over the whole image, each segment is kept. */

import type { Parts } from "./count.ts";
import { MAX_PARTS, tooMany } from "./count.ts";

/** Progressive JPEGs have about ten. The same bound as libtiff's, for JPEGs inside TIFFs. */
const MAX_SCANS = 100;

const [START_OF_SCAN, END_OF_IMAGE] = [0xda, 0xd9];
/** Markers that stand alone: stuffed bytes, TEM, restarts, the start of the image. */
const isAlone = (code: number): boolean => code <= 0x01 || (code >= 0xd0 && code <= 0xd8);

export function jpegParts(bytes: Uint8Array): Parts {
  let [scans, segments, at] = [0, 0, 0];
  while (at < bytes.length) {
    // Decoders skip what is not a marker, as the data of a scan.
    while (at < bytes.length && bytes[at] !== 0xff) at++;
    while (bytes[at] === 0xff) at++;
    const code = bytes[at++];
    if (code === undefined || code === END_OF_IMAGE) break;
    if (isAlone(code)) continue;
    segments++;
    if (code === START_OF_SCAN) scans++;
    if (scans > MAX_SCANS) return { fault: tooMany("scans", MAX_SCANS) };
    if (segments > MAX_PARTS) return { fault: tooMany("segments", MAX_PARTS) };
    at += Math.max(2, (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0));
  }
  return { scans };
}
