/**
 * Images and records as a training sees them: sources that can be loaded, identified by a digest and decoded; and stores of records of one
 * size, with an implementation in memory. Records on disk are in record-files.ts.
 */
import type { RgbImage } from "../../data/image/rgb-image.ts";

/** Where an image comes from. */
export interface ImageSource {
  /** Its name in messages, such as a file's path. */
  readonly name: string;
  /** Reads it as far as its digest requires. Throws GraftError (`data`) if it cannot be read. */
  load(): Promise<LoadedImage>;
}

export interface LoadedImage {
  /** Identifies the image: the SHA-256 of the file, if there is one. */
  readonly digest: string;
  /** The file, if there is one: it can be passed to other threads. */
  readonly bytes?: Uint8Array | undefined;
  /** Decodes it and calls `work` with its pixels. Throws GraftError (`data`) if it cannot be decoded. */
  use<T>(work: (image: RgbImage) => Promise<T>): Promise<T>;
}

/** An image with a known digest. */
export interface KnownImage {
  readonly source: ImageSource;
  readonly digest: string;
}

/** Where a record is stored. */
export interface Location {
  readonly file: number;
  readonly offset: number;
}

export interface RecordReader {
  /** Reads one record; `into` has the size of a record. */
  read(at: Location, into: Uint8Array): void;
}

/** Identifies a record by image and view; the view `""` is the image as the network's preprocessing shows it. */
export interface RecordKey {
  readonly digest: string;
  readonly view: string;
}

export interface RecordStore extends RecordReader {
  find(key: RecordKey): Location | undefined;
  /** Appends one record per key, concatenated in `values`; `find` returns them immediately. */
  add(keys: readonly RecordKey[], values: Uint8Array): Location[];
  close(): void;
}

/** A store in memory. `values` are kept without a copy. */
export function memoryRecords(size: number): RecordStore {
  const chunks: Uint8Array[] = [];
  const known = new Map<string, Location>();
  const nameOf = ({ digest, view }: RecordKey): string => `${digest} ${view}`;
  return {
    find: (key) => known.get(nameOf(key)),
    add(keys, values) {
      if (values.length !== keys.length * size)
        throw new RangeError(`${values.length} bytes are not ${keys.length} records of ${size}.`);
      const file = chunks.push(values) - 1;
      return keys.map((key, i) => {
        const at = { file, offset: i * size };
        known.set(nameOf(key), at);
        return at;
      });
    },
    read: ({ file, offset }, into) => into.set(chunks[file]!.subarray(offset, offset + size)),
    close() {
      chunks.length = 0;
      known.clear();
    },
  };
}
