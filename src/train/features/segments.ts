/**
 * Segments: files of records of one size, each under a 32-byte key and with a checksum. Only the process that made a segment
 * writes to it, and only at its end; a process that was killed leaves at worst one record that is not whole.
 *
 * Segment: 16 bytes (magic, record's bytes as uint32, 4 zero bytes), then records of
 * 32 bytes key, the record's bytes, 8 bytes of the SHA-256 over both.
 */
import { createHash, randomBytes } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../base/errors.ts";
import { partPath } from "../../base/files.ts";
import { tryLock, withLock } from "../../base/lock.ts";
import { isAlive, ownerName, processOf, SILENCE } from "../../base/owner.ts";

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

// Many small segments into one: which, and how, while other processes read and write in the same folder.

/** Up to so many segments are left as they are. */
const FEW = 8;
/** From so many on, a process waits for another one that is merging. */
const MANY = 64;
/** Larger ones are not copied again. */
const LARGEST = 256 << 20;

/**
 * Which segments to merge: nothing where there are few; else the smallest, and those that are not much larger than these
 * together, so that each record is copied a few times in its life and not once a run.
 */
export function segmentsToMerge(segments: readonly SegmentFile[]): SegmentFile[] {
  const closed = segments.filter(({ isLive, bytes }) => !isLive && bytes <= LARGEST).sort((a, b) => a.bytes - b.bytes);
  if (closed.length <= FEW) return [];
  let count = closed.length - FEW / 2;
  let bytes = closed.slice(0, count).reduce((sum, one) => sum + one.bytes, 0);
  while (count < closed.length && closed[count]!.bytes <= 2 * bytes) bytes += closed[count++]!.bytes;
  return closed.slice(0, count);
}

/**
 * Merges segments into one and removes them: whole records, each key once. Where somebody else is merging, nothing is done
 * (unless there are very many). Readers that have the old ones open keep them.
 *
 * @param size bytes of a record
 * @param chosen paths of segments that nobody writes to
 */
export async function mergeSegments(folder: string, size: number, chosen: readonly string[]): Promise<void> {
  const work = async (): Promise<void> => {
    const there = new Set((await segmentsIn(folder)).filter(({ isLive }) => !isLive).map(({ path }) => path));
    const sources = chosen.filter((path) => there.has(path));
    if (sources.length > 0) copyInto(folder, size, sources);
    for (const path of sources) rmSync(path, { recursive: true, force: true });
  };
  const lock = join(folder, "merge.lock");
  await (chosen.length >= MANY ? withLock(lock, { whenHeld: "wait" }, work) : tryLock(lock, work));
}

/** Writes the records of the sources into a new segment, which counts once it is whole on the disk. */
function copyInto(folder: string, size: number, sources: readonly string[]): void {
  const part = partPath(folder);
  const file = openSync(part, "wx");
  try {
    const seen = new Set<string>();
    let end = writeSync(file, headerOf(size), 0, HEADER, 0);
    for (const path of sources) {
      eachRecord(path, size, (record) => {
        const key = record.toString("latin1", 0, KEY);
        if (seen.has(key)) return;
        seen.add(key);
        for (let done = 0; done < record.length; )
          done += writeSync(file, record, done, record.length - done, end + done);
        end += record.length;
      });
    }
    fsyncSync(file);
    if (seen.size > 0) renameSync(part, join(folder, mergedSegmentName()));
  } finally {
    closeSync(file);
    rmSync(part, { force: true });
  }
}

function eachRecord(path: string, size: number, onRecord: (record: Buffer) => void): void {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    scanSegment(file, size, onRecord);
  } finally {
    closeSync(file);
  }
}

// Whether the segments of a folder of records are as they were written, and keeping what is whole of those that are not.

/** The segments that are not as they were written, with what is wrong, for the end of a sentence. */
export async function verifySegments(folder: string): Promise<{ path: string; problem: string }[]> {
  const damage: { path: string; problem: string }[] = [];
  for (const segment of await segmentsIn(folder).catch(() => [])) {
    const problem = problemIn(segment);
    if (problem !== undefined) damage.push({ path: segment.path, problem });
  }
  return damage;
}

function problemIn({ path, isFile }: SegmentFile): string | undefined {
  if (!isFile) return "it is no file";
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    // Another process merged it meanwhile.
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { isForeign, damaged, records } = scanSegment(file, undefined, () => {});
    if (isForeign) return "its beginning is not as it was written";
    if (damaged === 0) return undefined;
    return `${damaged} of ${damaged + records} records are not as they were written`;
  } finally {
    closeSync(file);
  }
}

/** Keeps the whole records of a segment that has damage; nobody may be writing to it. */
export async function dropDamaged(folder: string, path: string): Promise<void> {
  const size = recordSizeIn(path);
  if (size === undefined) rmSync(path, { recursive: true, force: true });
  else await mergeSegments(folder, size, [path]);
}
