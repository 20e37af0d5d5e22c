/**
 * Segments: files of records of one size, each with a 32-byte key and a checksum; scanning, merging, verifying and repairing them. Only the
 * process that made a segment appends to it; if it is killed, at most one record is incomplete. The index of a folder is in record-files.ts.
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

/** Ends this process's writing to a segment. */
export const closeSegment = (name: string): boolean => open.delete(name);

/** A name for a merged segment, which no process appends to. */
export const mergedSegmentName = (): string => `${MERGED}${Date.now()}-${randomBytes(6).toString("hex")}${ENDING}`;

/** A segment before it is opened. */
export interface SegmentFile {
  readonly path: string;
  readonly bytes: number;
  /** Whether it is a file, and not a folder in its place. */
  readonly isFile: boolean;
  /** Whether a process may still append to it. */
  readonly isLive: boolean;
}

/** The segments in a folder, by name, without those that disappear meanwhile. */
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

/** Bytes of a segment's records, by its header; undefined if it is not a segment. */
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

/** The result of scanning a segment. */
export interface Scan {
  /** Intact records. */
  readonly records: number;
  /** Records with a wrong checksum. */
  readonly damaged: number;
  /** Whether it is not a segment of such records: then no record was read. */
  readonly isForeign: boolean;
}

/**
 * Reads a segment from its beginning and calls `onRecord` with each intact record (key, bytes, checksum), valid until the next call.
 *
 * @param file an open file
 * @param size bytes of a record; default: as in the segment's header
 */
export function scanSegment(
  file: number,
  size: number | undefined,
  onRecord: (record: Buffer, offset: number) => void,
): Scan {
  const foreign: Scan = { records: 0, damaged: 0, isForeign: true };
  const stat = fstatSync(file);
  // Its process has only just created it.
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

// Merging small segments while other processes read and write in the same folder.

/** Up to this many segments are not merged. */
const FEW = 8;
/** From this many on, a process waits for another one that is merging. */
const MANY = 64;
/** Larger segments are not merged again. */
const LARGEST = 256 << 20;

/**
 * Selects the segments to merge: none if there are few; otherwise the smallest, and those that are not much larger than these together, so
 * that each record is copied only a few times in total and not in every run.
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
 * Merges segments into one and removes them; keeps intact records, each key once. If another process is merging, does nothing, or waits if
 * there are very many. Readers that have the old segments open keep them.
 *
 * @param size bytes of a record
 * @param chosen paths of segments that no process writes to
 */
export async function mergeSegments(folder: string, size: number, chosen: readonly string[]): Promise<void> {
  const work = async (): Promise<void> => {
    const closed = new Set((await segmentsIn(folder)).filter(({ isLive }) => !isLive).map(({ path }) => path));
    const sources = chosen.filter((path) => closed.has(path));
    if (sources.length > 0) copyInto(folder, size, sources);
    for (const path of sources) rmSync(path, { recursive: true, force: true });
  };
  const lock = join(folder, "merge.lock");
  await (chosen.length >= MANY ? withLock(lock, { whenHeld: "wait" }, work) : tryLock(lock, work));
}

/** Writes the records of the sources into a new segment, which is renamed into place once it is complete on disk. */
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

// Verifying and repairing.

/** The damaged segments of a folder, each with the problem as the end of a sentence. */
export async function verifySegments(folder: string): Promise<{ path: string; problem: string }[]> {
  const damage: { path: string; problem: string }[] = [];
  for (const segment of await segmentsIn(folder).catch(() => [])) {
    const problem = problemIn(segment);
    if (problem !== undefined) damage.push({ path: segment.path, problem });
  }
  return damage;
}

function problemIn({ path, isFile }: SegmentFile): string | undefined {
  if (!isFile) return "it is not a file";
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
    if (isForeign) return "its header is damaged";
    if (damaged === 0) return undefined;
    return `${damaged} of ${damaged + records} records are damaged`;
  } finally {
    closeSync(file);
  }
}

/** Keeps the intact records of a damaged segment, which no process may be writing to. */
export async function dropDamaged(folder: string, path: string): Promise<void> {
  const size = recordSizeIn(path);
  if (size === undefined) rmSync(path, { recursive: true, force: true });
  else await mergeSegments(folder, size, [path]);
}
