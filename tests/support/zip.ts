/** Zip archives made by hand, including hostile ones with false metadata. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipEntry {
  /** Bytes for a name that is no UTF-8. */
  readonly name: string | Uint8Array;
  readonly data: Uint8Array;
  /** What the archive says of the unpacked size; by default the truth. */
  readonly claimed?: number;
  /** What it says of the checksum; by default the truth. */
  readonly check?: number;
  /** General purpose bits; by default those of a UTF-8 name. */
  readonly flags?: number;
  /** Compression method that it claims; by default 8, deflate, which it is. */
  readonly method?: number;
  /** A Unix mode, as of a link. */
  readonly mode?: number;
  /** The entry whose local header and data this one shares, by position. */
  readonly shares?: number;
}

/** One archive, every entry deflated. Layout: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. */
export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  const offsets: number[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { data, claimed = data.length, flags = 0x0800, method = 8, mode, shares } = entry;
    const [path, packed, check] = [Buffer.from(entry.name), deflateRawSync(data), entry.check ?? crc32(data)];
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(flags, 6);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(check, 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(claimed, 22);
    local.writeUInt16LE(path.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    // Made by: 3 is Unix.
    central.writeUInt16LE(mode === undefined ? 20 : (3 << 8) | 20, 4);
    central.writeUInt16LE(20, 6);
    local.copy(central, 8, 6, 30);
    central.writeUInt32LE(((mode ?? 0) << 16) >>> 0, 38);
    central.writeUInt32LE(shares === undefined ? offset : offsets[shares]!, 42);
    offsets.push(offset);
    directory.push(central, path);
    if (shares !== undefined) continue;
    bodies.push(local, path, packed);
    offset += local.length + path.length + packed.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, index, end]);
}
