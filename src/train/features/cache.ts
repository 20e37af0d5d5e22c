/**
 * Features on disk, so that no picture goes through the same backbone twice. A folder a (network, cut, preprocessing);
 * in it one append-only segment a run, so that several runs may write at once; a record an image, with a checksum,
 * so that a run that was killed leaves at worst one record that is not taken for whole.
 *
 * Segment: 16 bytes (magic, features as uint32, 4 zero bytes), then records of
 * 32 bytes SHA-256 of the image file, `features` × float32, 8 bytes of the SHA-256 over both.
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readdirSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, writeFailure } from "../../base/files.ts";

const MAGIC = Buffer.from("GRAFTF1\n");
const HEADER = 16;
const KEY = 32;
const CHECK = 8;

/** Where one image's features lie. */
export interface Location {
  readonly file: number;
  readonly offset: number;
}

export interface FeatureCache {
  readonly features: number;
  find(sha256: Buffer): Location | undefined;
  /** Appends features `[count, features]` for as many images; they can be found at once. */
  add(keys: readonly Buffer[], values: Float32Array): Location[];
  read(at: Location, into: Float32Array): void;
  close(): void;
}

const checkOf = (record: Buffer): Buffer => createHash("sha256").update(record).digest().subarray(0, CHECK);

/**
 * Opens the cache in `folder`, made where it is missing. Damaged or half-written records are passed over:
 * their features are computed again.
 *
 * @throws GraftError (`work`) where the folder cannot be written
 */
export async function openFeatureCache(folder: string, features: number): Promise<FeatureCache> {
  await makeFolder(folder);
  const length = KEY + features * 4 + CHECK;
  const index = new Map<string, Location>();
  const files: number[] = [];
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".features"))) {
    const file = openSync(join(folder, name), "r");
    files.push(file);
    indexSegment(file, features, length, index);
  }
  let segment: { file: number; end: number; path: string } | undefined;

  const ownSegment = (): { file: number; end: number; path: string } => {
    if (segment) return segment;
    const path = join(folder, `${Date.now()}-${process.pid}-${files.length}.features`);
    try {
      const file = openSync(path, "wx+");
      const header = Buffer.alloc(HEADER);
      MAGIC.copy(header);
      header.writeUInt32LE(features, 8);
      writeSync(file, header, 0, HEADER, 0);
      files.push(file);
      segment = { file, end: HEADER, path };
      return segment;
    } catch (error) {
      throw writeFailure(path, error);
    }
  };

  return {
    features,
    find: (sha256) => index.get(sha256.toString("latin1")),
    add(keys, values) {
      const own = ownSegment();
      const records = Buffer.alloc(keys.length * length);
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      const locations = keys.map((key, i) => {
        const record = records.subarray(i * length, (i + 1) * length);
        key.copy(record, 0);
        bytes.copy(record, KEY, i * features * 4, (i + 1) * features * 4);
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
      const bytes = Buffer.from(into.buffer, into.byteOffset, into.byteLength);
      const count = readSync(file, bytes, 0, bytes.length, offset);
      if (count !== bytes.length) throw new Error("The feature cache was cut off while it was being read.");
    },
    close() {
      for (const file of files) closeSync(file);
    },
  };
}

/** Notes every whole record of a segment. A segment of other features or another format has none. */
function indexSegment(file: number, features: number, length: number, index: Map<string, Location>): void {
  const header = Buffer.alloc(HEADER);
  if (readSync(file, header, 0, HEADER, 0) < HEADER) return;
  if (!header.subarray(0, 8).equals(MAGIC) || header.readUInt32LE(8) !== features) return;
  const { size } = fstatSync(file);
  const perRead = Math.max(1, Math.floor((4 << 20) / length));
  const buffer = Buffer.alloc(perRead * length);
  for (let offset = HEADER; offset + length <= size; ) {
    const count = Math.floor(readSync(file, buffer, 0, buffer.length, offset) / length);
    if (count === 0) return;
    for (let i = 0; i < count; i++) {
      const record = buffer.subarray(i * length, (i + 1) * length);
      if (!checkOf(record.subarray(0, length - CHECK)).equals(record.subarray(length - CHECK))) continue;
      index.set(record.toString("latin1", 0, KEY), { file, offset: offset + i * length + KEY });
    }
    offset += count * length;
  }
}
