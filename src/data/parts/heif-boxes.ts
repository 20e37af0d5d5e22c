/** The boxes of an ISO media file (ISO/IEC 14496-12, section 4.2), and the numbers in them. Every offset is checked. */

/** The file's structure is not understood. */
export class HeifFault extends Error {
  override readonly name = "HeifFault";
}

/** A box; its content is from `from` to `to`. */
export interface Box {
  readonly type: string;
  readonly from: number;
  readonly to: number;
}

/** The most boxes in one container; real files have a dozen. */
const MAX_BOXES = 10_000;

/** The boxes that follow each other in a part of a file. */
export function boxesIn(bytes: Uint8Array, from: number, to: number): Box[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const boxes: Box[] = [];
  for (let at = from; at + 8 <= to; ) {
    const short = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const headerBytes = short === 1 ? 16 : 8;
    if (at + headerBytes > to) throw new HeifFault();
    // 1: the size follows as 64 bits; 0: the box goes to the end.
    const size = short === 1 ? Number(view.getBigUint64(at + 8)) : short === 0 ? to - at : short;
    if (size < headerBytes || boxes.length >= MAX_BOXES) throw new HeifFault();
    // What is cut off is read as far as it is there.
    const end = Math.min(at + size, to);
    boxes.push({ type, from: at + headerBytes, to: end });
    at = end;
  }
  return boxes;
}

/** Reads numbers one after the other; throws a {@link HeifFault} past the end of the box. */
export interface Reader {
  /** A whole number of so many bytes, the highest first; 0 of none. */
  unsigned(bytes: number): number;
  /** What every full box begins with. */
  fullBox(): { readonly version: number; readonly flags: number };
}

export function createReader(bytes: Uint8Array, { from, to }: Box): Reader {
  let at = from;
  const unsigned = (count: number): number => {
    if (at + count > to) throw new HeifFault();
    let value = 0;
    for (const end = at + count; at < end; at++) value = value * 256 + bytes[at]!;
    return value;
  };
  return { unsigned, fullBox: () => ({ version: unsigned(1), flags: unsigned(3) }) };
}
