/**
 * Records of one size on disk, each under a 32-byte key, with a bounded number of open files. Each process appends to its own segment
 * (segments.ts), so that several may write at once; small segments are merged when a folder is opened. Knows nothing of the records' content.
 */
import { closeSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { takeLease } from "../../base/cache-folder.ts";
import { codeOf, workError } from "../../base/errors.ts";
import { makeFolder, sweepOnce, writeFailure } from "../../base/files.ts";
import { notice } from "../../base/sealed.ts";
import type { Location, RecordReader } from "./images-and-records.ts";
import {
  CHECK,
  checkOf,
  closeSegment,
  HEADER,
  headerOf,
  KEY,
  lengthOf,
  mergeSegments,
  openSegment,
  type SegmentFile,
  scanSegment,
  segmentsIn,
  segmentsToMerge,
} from "./segments.ts";

/** Maximum open files: some systems allow a process only 256, and it has others open. */
const MOST = 12;

/** Files for reading, of which the least recently used one is closed when too many are open. */
export class OpenFiles {
  private readonly paths: string[] = [];
  /** Descriptors by number, the least recently used first. */
  private readonly open = new Map<number, number>();

  /** Adds a file and returns its number. Opens nothing yet. */
  add(path: string): number {
    return this.paths.push(path) - 1;
  }

  /** A descriptor of a file, valid until the next call. Throws the system's errors. */
  descriptor(number: number): number {
    const known = this.open.get(number);
    if (known !== undefined && this.paths.length <= MOST) return known;
    this.open.delete(number);
    const descriptor = known ?? openSync(this.paths[number]!, "r");
    this.open.set(number, descriptor);
    if (this.open.size > MOST) {
      const [[oldest, unused]] = [...this.open] as [[number, number]];
      closeSync(unused);
      this.open.delete(oldest);
    }
    return descriptor;
  }

  path(number: number): string {
    return this.paths[number]!;
  }

  close(): void {
    for (const descriptor of this.open.values()) closeSync(descriptor);
    this.open.clear();
  }
}

export interface RecordCache extends RecordReader {
  find(key: Buffer): Location | undefined;
  /** Appends one record per key, concatenated in `values`; `find` returns them immediately. */
  add(keys: readonly Buffer[], values: Uint8Array): Location[];
  close(): void;
}

/** The content of a folder when it was read. */
interface Opened {
  readonly files: OpenFiles;
  readonly index: Map<string, Location>;
  readonly segments: readonly SegmentFile[];
  /** Damaged segments that no process writes to. */
  readonly damaged: readonly string[];
}

/**
 * Opens the records in `folder`, which is created if it is missing. Damaged or incomplete records are skipped, with a notice about damage: the
 * caller computes them again.
 *
 * @param size bytes of a record
 * @throws GraftError (`work`) if the folder cannot be written
 */
export async function openRecordCache(folder: string, size: number): Promise<RecordCache> {
  await makeFolder(folder);
  const release = takeLease(folder);
  try {
    await sweepOnce(folder);
    return cacheOf(folder, size, await readFolder(folder, size), release);
  } catch (error) {
    release();
    throw error;
  }
}

async function readFolder(folder: string, size: number): Promise<Opened> {
  const first = await readSegments(folder, size);
  const unwanted = new Set([...first.damaged, ...segmentsToMerge(first.segments).map(({ path }) => path)]);
  if (unwanted.size === 0) return first;
  try {
    await mergeSegments(folder, size, [...unwanted]);
  } catch {
    // On a full or read-only disk the segments stay and are read unmerged.
    return first;
  }
  first.files.close();
  return readSegments(folder, size);
}

/** How often a folder is read again if another process merges its segments meanwhile. */
const TRIES = 10;

async function readSegments(folder: string, size: number): Promise<Opened> {
  for (let attempt = 1; ; attempt++) {
    const files = new OpenFiles();
    try {
      return readAll(folder, size, await segmentsIn(folder), files);
    } catch (error) {
      files.close();
      if (codeOf(error) !== "ENOENT") throw error;
      if (attempt === TRIES) throw changedElsewhere(folder, error);
      await makeFolder(folder);
    }
  }
}

const changedElsewhere = (folder: string, cause: unknown): Error =>
  workError(`The cache ${folder} was changed by another process meanwhile: run the same command again.`, cause);

function readAll(folder: string, size: number, segments: readonly SegmentFile[], files: OpenFiles): Opened {
  const index = new Map<string, Location>();
  const damaged: string[] = [];
  let records = 0;
  for (const { path, isFile, isLive } of segments) {
    const file = files.add(path);
    const onRecord = (record: Buffer, offset: number): void => {
      index.set(record.toString("latin1", 0, KEY), { file, offset: offset + KEY });
    };
    const scan = isFile ? scanSegment(files.descriptor(file), size, onRecord) : undefined;
    // The last record of a segment that a process writes to may be incomplete.
    if (isLive || (scan && !scan.isForeign && scan.damaged === 0)) continue;
    damaged.push(path);
    if (!scan || scan.isForeign) notice(`${path} of the cache was damaged: its records are computed again.`);
    else records += scan.damaged;
  }
  if (records > 0)
    notice(`${records} damaged ${records === 1 ? "record" : "records"} in the cache ${folder}: computed again.`);
  return { files, index, segments, damaged };
}

function cacheOf(folder: string, size: number, { files, index }: Opened, release: () => void): RecordCache {
  const length = lengthOf(size);
  let segment: { descriptor: number; file: number; end: number; path: string; name: string } | undefined;

  const ownSegment = (): NonNullable<typeof segment> => {
    if (segment) return segment;
    const name = openSegment();
    const path = join(folder, name);
    try {
      // `graft cache prune` may have removed the folder since it was opened.
      mkdirSync(folder, { recursive: true });
      const descriptor = openSync(path, "wx+");
      writeSync(descriptor, headerOf(size), 0, HEADER, 0);
      segment = { descriptor, file: files.add(path), end: HEADER, path, name };
      return segment;
    } catch (error) {
      throw writeFailure(path, error);
    }
  };

  return {
    find: (key) => index.get(key.toString("latin1")),
    add(keys, values) {
      const own = ownSegment();
      const records = Buffer.alloc(keys.length * length);
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      if (bytes.length !== keys.length * size)
        throw new RangeError(`${bytes.length} bytes are not ${keys.length} records of ${size}.`);
      const locations = keys.map((key, i) => {
        const record = records.subarray(i * length, (i + 1) * length);
        key.copy(record, 0);
        bytes.copy(record, KEY, i * size, (i + 1) * size);
        checkOf(record.subarray(0, length - CHECK)).copy(record, length - CHECK);
        return { file: own.file, offset: own.end + i * length + KEY };
      });
      try {
        for (let done = 0; done < records.length; )
          done += writeSync(own.descriptor, records, done, records.length - done, own.end + done);
      } catch (error) {
        throw writeFailure(own.path, error);
      }
      own.end += records.length;
      keys.forEach((key, i) => {
        index.set(key.toString("latin1"), locations[i]!);
      });
      return locations;
    },
    read({ file, offset }, into) {
      let count: number;
      try {
        const descriptor = file === segment?.file ? segment.descriptor : files.descriptor(file);
        count = readSync(descriptor, into, 0, size, offset);
      } catch (error) {
        throw codeOf(error) === "ENOENT" ? changedElsewhere(folder, error) : error;
      }
      if (count !== size)
        throw workError(`${files.path(file)} was cut off while it was being read: run the same command again.`);
    },
    close() {
      files.close();
      if (segment) {
        closeSync(segment.descriptor);
        closeSegment(segment.name);
      }
      release();
    },
  };
}
