/**
 * Segments: files of records of one size, each under a 32-byte key and with a checksum. Only the process that made a segment
 * writes to it, and only at its end; a process that was killed leaves at worst one record that is not whole.
 *
 * Segment: 16 bytes (magic, record's bytes as uint32, 4 zero bytes), then records of
 * 32 bytes key, the record's bytes, 8 bytes of the SHA-256 over both.
 */
import { createHash, randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isAlive, ownerName, processOf } from "../../base/owner.ts";
import { SILENCE } from "../../base/sign-of-life.ts";

const MAGIC = Buffer.from("GRAFTR1\n");
export const HEADER = 16;
export const KEY = 32;
export const CHECK = 8;
const ENDING = ".records";
const MERGED = "merged-";
/** Bytes read at a time. */
const PIECE = 4 << 20;

/** Bytes that a record takes in a segment. */
export const lengthOf = (size: number): number => KEY + size + CHECK;

export const checkOf = (record: Buffer): Buffer => createHash("sha256").update(record).digest().subarray(0, CHECK);

/** The beginning of a segment with records of `size` bytes. */
export function headerOf(size: number): Buffer {
  const header = Buffer.alloc(HEADER);
  MAGIC.copy(header);
  header.writeUInt32LE(size, 8);
  return header;
}

/** Segments that this process writes to. */
const open = new Set<string>();

/** A name for a segment that this process will write to until {@link closeSegment}. */
export function openSegment(): string {
  const name = `${Date.now()}-${ownerName()}${ENDING}`;
  open.add(name);
  return name;
}

/** Notes that this process writes to a segment no more. */
export const closeSegment = (name: string): boolean => open.delete(name);

/** A name for a segment that nobody writes to again. */
export const mergedSegmentName = (): string => `${MERGED}${Date.now()}-${randomBytes(6).toString("hex")}${ENDING}`;

/** A segment before it is opened. */
export interface SegmentFile {
  readonly path: string;
  readonly bytes: number;
  /** Whether it is a file; anything may be where one was. */
  readonly isFile: boolean;
  /** Whether a process may still write to it. */
  readonly isLive: boolean;
}

/** The segments in a folder, by name. One that goes away meanwhile is left out. */
export async function segmentsIn(folder: string): Promise<SegmentFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(ENDING));
  return names.sort().flatMap((name) => {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found) return [];
    const isLive = found.isFile() && isWrittenTo(name, found.mtimeMs);
    return [{ path, bytes: found.size, isFile: found.isFile(), isLive }];
  });
}

function isWrittenTo(name: string, changed: number): boolean {
  if (name.startsWith(MERGED)) return false;
  const owner = name.slice(name.indexOf("-") + 1, -ENDING.length);
  if (processOf(owner) === process.pid) return open.has(name);
  return isAlive(owner, changed, SILENCE);
}

/** Bytes of a segment's records, by its header; nothing where it is no segment. */
export function recordSizeIn(path: string): number | undefined {
  const header = Buffer.alloc(HEADER);
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    readSync(file, header, 0, HEADER, 0);
    const size = header.readUInt32LE(8);
    return header.equals(headerOf(size)) ? size : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** What was found in a segment. */
export interface Scan {
  /** Whole records. */
  readonly records: number;
  /** Records that are there and not as they were written. */
  readonly damaged: number;
  /** Whether it is no segment of such records at all; then nothing of it was read. */
  readonly isForeign: boolean;
}

/**
 * Reads a segment from its beginning and gives each whole record (key, bytes, checksum), which is valid until the next.
 *
 * @param file an open file
 * @param size bytes of a record; nothing: as the segment itself says
 */
export function scanSegment(
  file: number,
  size: number | undefined,
  onRecord: (record: Buffer, offset: number) => void,
): Scan {
  const foreign: Scan = { records: 0, damaged: 0, isForeign: true };
  const stat = fstatSync(file);
  // Its process had only just made it.
  if (stat.size < HEADER) return { ...foreign, isForeign: false };
  const header = Buffer.alloc(HEADER);
  readSync(file, header, 0, HEADER, 0);
  const own = size ?? header.readUInt32LE(8);
  if (!header.equals(headerOf(own))) return foreign;
  const length = lengthOf(own);
  if (length > stat.size) return { ...foreign, isForeign: false };
  const buffer = Buffer.alloc(Math.max(1, Math.floor(PIECE / length)) * length);
  let [records, damaged] = [0, 0];
  for (let offset = HEADER; offset + length <= stat.size; ) {
    const count = Math.floor(readSync(file, buffer, 0, buffer.length, offset) / length);
    if (count === 0) break;
    for (let i = 0; i < count; i++) {
      const whole = buffer.subarray(i * length, (i + 1) * length);
      if (checkOf(whole.subarray(0, length - CHECK)).equals(whole.subarray(length - CHECK))) {
        records++;
        onRecord(whole, offset + i * length);
      } else damaged++;
    }
    offset += count * length;
  }
  return { records, damaged, isForeign: false };
}
