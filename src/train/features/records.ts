/**
 * Records of one size on disk, each under a 32-byte key: what was computed of pictures and need not be computed again. What
 * they hold is their owners' matter. One append-only segment a run, so that several runs may write at once; a checksum a
 * record, so that a run that was killed leaves at worst one record that is not taken for whole.
 *
 * Segment: 16 bytes (magic, record's bytes as uint32, 4 zero bytes), then records of
 * 32 bytes key, the record's bytes, 8 bytes of the SHA-256 over both.
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readdirSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, writeFailure } from "../../base/files.ts";
import type { Location, RecordReader } from "./location.ts";

export type { Location } from "./location.ts";

const MAGIC = Buffer.from("GRAFTR1\n");
const HEADER = 16;
const KEY = 32;
const CHECK = 8;

export interface RecordCache extends RecordReader {
  find(key: Buffer): Location | undefined;
  /** Appends as many records as there are keys, one after the other in `values`; they can be found at once. */
  add(keys: readonly Buffer[], values: Uint8Array): Location[];
  close(): void;
}

const checkOf = (record: Buffer): Buffer => createHash("sha256").update(record).digest().subarray(0, CHECK);

/**
 * Opens the records in `folder`, made where it is missing. Damaged or half-written ones are passed over: their owner
 * computes them again.
 *
 * @param size bytes of a record
 * @throws GraftError (`work`) where the folder cannot be written
 */
export async function openRecordCache(folder: string, size: number): Promise<RecordCache> {
  await makeFolder(folder);
  const length = KEY + size + CHECK;
  const index = new Map<string, Location>();
  const files: number[] = [];
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".records"))) {
    const file = openSync(join(folder, name), "r");
    files.push(file);
    indexSegment(file, size, length, index);
  }
  let segment: { file: number; end: number; path: string } | undefined;

  const ownSegment = (): { file: number; end: number; path: string } => {
    if (segment) return segment;
    const path = join(folder, `${Date.now()}-${process.pid}-${files.length}.records`);
    try {
      const file = openSync(path, "wx+");
      const header = Buffer.alloc(HEADER);
      MAGIC.copy(header);
      header.writeUInt32LE(size, 8);
      writeSync(file, header, 0, HEADER, 0);
      files.push(file);
      segment = { file, end: HEADER, path };
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
          done += writeSync(own.file, records, done, records.length - done, own.end + done);
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
      const count = readSync(file, into, 0, size, offset);
      if (count !== size) throw new Error("A cache was cut off while it was being read.");
    },
    close() {
      for (const file of files) closeSync(file);
    },
  };
}

/** Notes every whole record of a segment. A segment of records of another size has none. */
function indexSegment(file: number, record: number, length: number, index: Map<string, Location>): void {
  const header = Buffer.alloc(HEADER);
  if (readSync(file, header, 0, HEADER, 0) < HEADER) return;
  if (!header.subarray(0, 8).equals(MAGIC) || header.readUInt32LE(8) !== record) return;
  const { size } = fstatSync(file);
  const perRead = Math.max(1, Math.floor((4 << 20) / length));
  const buffer = Buffer.alloc(perRead * length);
  for (let offset = HEADER; offset + length <= size; ) {
    const count = Math.floor(readSync(file, buffer, 0, buffer.length, offset) / length);
    if (count === 0) return;
    for (let i = 0; i < count; i++) {
      const whole = buffer.subarray(i * length, (i + 1) * length);
      if (!checkOf(whole.subarray(0, length - CHECK)).equals(whole.subarray(length - CHECK))) continue;
      index.set(whole.toString("latin1", 0, KEY), { file, offset: offset + i * length + KEY });
    }
    offset += count * length;
  }
}
