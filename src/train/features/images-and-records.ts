/** Images as a training sees them: something that can be loaded, told from others and decoded. Types alone. */
import type { RgbImage } from "../../data/image/rgb-image.ts";

/** Where an image comes from. */
export interface ImageSource {
  /** What it is called in messages; a file's path. */
  readonly name: string;
  /** Reads it as far as is needed to tell it from others. Throws GraftError (`data`) where it cannot be read. */
  load(): Promise<LoadedImage>;
}

export interface LoadedImage {
  /** Equal for equal images and for no others: the SHA-256 of the file where there is one. */
  readonly digest: string;
  /** The file, where there is one: other threads can be given it. */
  readonly bytes?: Uint8Array | undefined;
  /** Decodes it and does something with its pixels. Throws GraftError (`data`) where it cannot be decoded. */
  use<T>(work: (image: RgbImage) => Promise<T>): Promise<T>;
}

/** An image that was loaded before. */
export interface KnownImage {
  readonly source: ImageSource;
  readonly digest: string;
}

// Records of one size that were computed of images, as those see them who do not care where they are kept: on disk (records.ts) or in memory.

/** Where a record is stored. */
export interface Location {
  readonly file: number;
  readonly offset: number;
}

export interface RecordReader {
  /** Reads one record into as many bytes. */
  read(at: Location, into: Uint8Array): void;
}

/** Which record is meant: of which image, and of which view of it; `""` is the image as the network's preprocessing shows it. */
export interface RecordKey {
  readonly digest: string;
  readonly view: string;
}

export interface RecordStore extends RecordReader {
  find(key: RecordKey): Location | undefined;
  /** Appends as many records as there are keys, one after the other in `values`; they can be found at once. */
  add(keys: readonly RecordKey[], values: Uint8Array): Location[];
  close(): void;
}

/** Records in memory, for where there is no disk or no need to find them again later. `values` are kept and not copied. */
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
