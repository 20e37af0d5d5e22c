/**
 * Counts the pixels that decoding an AVIF takes: all coded images that its items consist of, and all frames in their data. A file that
 * declares 10 × 10 pixels may need 49 megapixels a hundred times. Checks every offset; decodes no pixels.
 *
 * Sources: ISO/IEC 14496-12, section 4.2, and 23008-12 (HEIF) for boxes; AV1 specification, section 5.3, for the data (OBUs).
 */

/** The most items in a file, and the most uses of items by others; libheif has the same limits. */
const [MAX_ITEMS, MAX_SOURCES] = [1000, 10_000];

/** Why a file is refused if its structure is not understood: the cost of decoding it is unknown. */
const UNUSUAL = "the file is cut off or damaged, or a rare variant of AVIF: save it again as PNG or JPEG";

/** The pixels that decoding an AVIF takes, in all tiles, layers and frames; or why the file is refused. */
export function avifParts(bytes: Uint8Array): { readonly codedPixels: number } | { readonly fault: string } {
  try {
    const meta = boxesIn(bytes, 0, bytes.length).find(({ type }) => type === "meta");
    if (!meta) throw new HeifFault();
    const codedPixels = codedPixelsOf(bytes, boxesIn(bytes, meta.from + 4, meta.to));
    return codedPixels > 0 ? { codedPixels } : { fault: UNUSUAL };
  } catch (error) {
    if (error instanceof HeifFault || error instanceof RangeError) return { fault: UNUSUAL };
    throw error;
  }
}

interface Item {
  /** Pixels of one frame; 0 if the item is not an image. */
  area: number;
  isCoded: boolean;
  /** Items that this one consists of. */
  readonly sources: number[];
}

/** The coded pixels of the most costly item. */
function codedPixelsOf(bytes: Uint8Array, meta: readonly Box[]): number {
  const box = (type: string): Box | undefined => meta.find((one) => one.type === type);
  const items = new Map<number, Item>();
  const itemOf = (id: number): Item => {
    const item = items.get(id) ?? { area: 0, isCoded: false, sources: [] };
    items.set(id, item);
    if (items.size > MAX_ITEMS) throw new HeifFault();
    return item;
  };
  const properties = box("iprp");
  if (properties) readProperties(bytes, properties, itemOf);
  const references = box("iref");
  if (references) readSources(bytes, references, itemOf);
  const frames = framesOf(bytes, meta, (id) => items.get(id)?.isCoded === true);

  const costs = new Map<number, number>();
  const costOf = (id: number, depth: number): number => {
    const known = costs.get(id);
    if (known !== undefined) return known;
    const item = items.get(id);
    // Real files nest grids, layers and images; anything deeper is a cycle.
    if (!item || depth > 8) throw new HeifFault();
    const own = item.isCoded ? item.area * Math.max(1, frames.get(id) ?? 1) : 0;
    const cost = item.sources.reduce((sum, source) => sum + costOf(source, depth + 1), own);
    costs.set(id, cost);
    return cost;
  };
  return Math.max(0, ...[...items.keys()].map((id) => costOf(id, 0)));
}

/** Reads which items are coded images, and their sizes: `ipco` holds properties, `ipma` assigns them to items. */
function readProperties(bytes: Uint8Array, { from, to }: Box, itemOf: (id: number) => Item): void {
  const inside = boxesIn(bytes, from, to);
  const container = inside.find(({ type }) => type === "ipco");
  if (!container) return;
  const all = boxesIn(bytes, container.from, container.to);
  for (const association of inside.filter(({ type }) => type === "ipma")) {
    const reader = createReader(bytes, association);
    const { version, flags } = reader.fullBox();
    const entries = reader.unsigned(4);
    for (let entry = 0; entry < entries; entry++) {
      const item = itemOf(reader.unsigned(version < 1 ? 2 : 4));
      const count = reader.unsigned(1);
      for (let i = 0; i < count; i++) {
        // The highest bit says whether the property must be understood; they are numbered from 1.
        const index = (flags & 1) === 1 ? reader.unsigned(2) & 0x7fff : reader.unsigned(1) & 0x7f;
        const property = all[index - 1];
        if (property?.type === "av1C") item.isCoded = true;
        if (property?.type === "ispe") item.area = Math.max(item.area, areaOf(createReader(bytes, property)));
      }
    }
  }
}

function areaOf(reader: Reader): number {
  reader.fullBox();
  return reader.unsigned(4) * reader.unsigned(4);
}

/** Reads which items derived images (grids, overlays, tone maps) consist of. */
function readSources(bytes: Uint8Array, references: Box, itemOf: (id: number) => Item): void {
  const { version } = createReader(bytes, references).fullBox();
  const idBytes = version === 0 ? 2 : 4;
  let uses = 0;
  for (const box of boxesIn(bytes, references.from + 4, references.to)) {
    if (box.type !== "dimg") continue;
    const reader = createReader(bytes, box);
    const { sources } = itemOf(reader.unsigned(idBytes));
    const count = reader.unsigned(2);
    uses += count;
    if (uses > MAX_SOURCES) throw new HeifFault();
    for (let i = 0; i < count; i++) sources.push(reader.unsigned(idBytes));
  }
}

/** The number of frames in the data of each coded item; `iloc` says where the data is. */
function framesOf(bytes: Uint8Array, meta: readonly Box[], isCoded: (id: number) => boolean): Map<number, number> {
  const frames = new Map<number, number>();
  const location = meta.find(({ type }) => type === "iloc");
  if (!location) return frames;
  const stored = meta.find(({ type }) => type === "idat");
  const reader = createReader(bytes, location);
  const { version } = reader.fullBox();
  const [sizes, more] = [reader.unsigned(1), reader.unsigned(1)];
  const [offsetBytes, lengthBytes, baseBytes] = [sizes >> 4, sizes & 15, more >> 4];
  const indexBytes = version > 0 ? more & 15 : 0;
  const count = reader.unsigned(version < 2 ? 2 : 4);
  if (count > MAX_ITEMS) throw new HeifFault();
  let allBytes = 0;
  for (let item = 0; item < count; item++) {
    const id = reader.unsigned(version < 2 ? 2 : 4);
    const method = version > 0 ? reader.unsigned(2) & 15 : 0;
    reader.unsigned(2);
    const base = reader.unsigned(baseBytes);
    const extents = reader.unsigned(2);
    const pieces: Uint8Array[] = [];
    for (let extent = 0; extent < extents; extent++) {
      reader.unsigned(indexBytes);
      const [offset, length] = [base + reader.unsigned(offsetBytes), reader.unsigned(lengthBytes)];
      if (!isCoded(id)) continue;
      const within = method === 0 ? { from: 0, to: bytes.length } : stored;
      // Data inside the data of other items is not supported.
      if (!within || method > 1) throw new HeifFault();
      const start = Math.min(within.from + offset, within.to);
      const piece = bytes.subarray(start, length === 0 ? within.to : Math.min(start + length, within.to));
      allBytes += piece.length;
      // Items must not refer to the same bytes many times.
      if (allBytes > 2 * bytes.length) throw new HeifFault();
      pieces.push(piece);
    }
    if (isCoded(id)) frames.set(id, frameCount(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)));
  }
  return frames;
}

const [SEQUENCE_HEADER, FRAME_HEADER, FRAME] = [1, 3, 6];

/** The number of frames in AV1 data. Throws if there is a second sequence: its frames could be larger than the item declares. */
function frameCount(data: Uint8Array): number {
  let frames = 0;
  let sequence: Buffer | undefined;
  for (let at = 0; at < data.length; ) {
    const header = data[at]!;
    const type = (header >> 3) & 15;
    at += (header & 4) === 0 ? 1 : 2;
    let size = data.length - at;
    if ((header & 2) !== 0) {
      size = 0;
      for (let shift = 0; shift < 35; shift += 7) {
        const byte = data[at++];
        if (byte === undefined) throw new HeifFault();
        size += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) break;
      }
    }
    if (type === SEQUENCE_HEADER) {
      const own = Buffer.from(data.subarray(at, at + size));
      if (sequence && !sequence.equals(own)) throw new HeifFault();
      sequence = own;
    } else if (type === FRAME_HEADER || type === FRAME) frames++;
    at += size;
  }
  return frames;
}

// ISO media boxes.

/** Thrown if the file's structure is not understood. */
export class HeifFault extends Error {
  override readonly name = "HeifFault";
}

/** A box; its content is the bytes `from` to `to`. */
export interface Box {
  readonly type: string;
  readonly from: number;
  readonly to: number;
}

/** The most boxes in one container; real files have a dozen. */
const MAX_BOXES = 10_000;

/** The boxes in a range of a file. */
export function boxesIn(bytes: Uint8Array, from: number, to: number): Box[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const boxes: Box[] = [];
  for (let at = from; at + 8 <= to; ) {
    const short = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const headerBytes = short === 1 ? 16 : 8;
    if (at + headerBytes > to) throw new HeifFault();
    // 1: the size follows as 64 bits; 0: the box extends to the end.
    const size = short === 1 ? Number(view.getBigUint64(at + 8)) : short === 0 ? to - at : short;
    if (size < headerBytes || boxes.length >= MAX_BOXES) throw new HeifFault();
    // Of a box that is cut off, the existing bytes are read.
    const end = Math.min(at + size, to);
    boxes.push({ type, from: at + headerBytes, to: end });
    at = end;
  }
  return boxes;
}

/** Reads numbers in sequence. Throws a {@link HeifFault} beyond the end of the box. */
export interface Reader {
  /** An unsigned big-endian integer of `bytes` bytes; 0 for no bytes. */
  unsigned(bytes: number): number;
  /** The first fields of every full box. */
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
