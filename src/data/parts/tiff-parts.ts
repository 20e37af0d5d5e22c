/**
 * The directories of a TIFF (TIFF 6.0, section 2; BigTIFF): one page is decoded, but libtiff reads the directories of all, and with
 * them whatever data their entries name, the same bytes again for each.
 */
import { MAX_PARTS, tooMany } from "./count.ts";

const MAX_ENTRIES = 100_000;
/** What all entries together may name: a profile of colours may be shared by many pages. */
const mostNamed = (fileBytes: number): number => Math.max(64e6, 4 * fileBytes);

/** Bytes of a value, by its type's number. */
const typeBytes = [1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 1, 1, 8, 8, 8];

export function tiffFault(bytes: Uint8Array): string | undefined {
  if (bytes.length < 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const isBig = view.getUint16(2, little) === 43;
  const offset = (at: number): number => (isBig ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const [pointer, entryBytes, countBytes] = isBig ? [8, 20, 8] : [4, 12, 2];
  const seen = new Set<number>();
  let [entries, named] = [0, 0];
  for (let at = offset(pointer); at !== 0 && at + countBytes <= bytes.length && !seen.has(at); ) {
    seen.add(at);
    if (seen.size > MAX_PARTS) return tooMany("pages", MAX_PARTS);
    const count = isBig ? offset(at) : view.getUint16(at, little);
    entries += count;
    if (entries > MAX_ENTRIES) return tooMany("entries in its directories", MAX_ENTRIES);
    const end = at + countBytes + count * entryBytes;
    if (end + pointer > bytes.length) return undefined;
    for (let entry = at + countBytes; entry < end; entry += entryBytes) {
      const size = (typeBytes[view.getUint16(entry + 2, little)] ?? 1) * offset(entry + 4);
      if (size > pointer) named += size;
    }
    if (named > mostNamed(bytes.length))
      return "its directories name more data than it has, save it again as PNG or JPEG";
    at = offset(end);
  }
  return undefined;
}
