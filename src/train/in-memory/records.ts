/** Records of one size in memory, for where there is no disk: what records.ts keeps in files, without keys or checksums. */
import type { Location, RecordReader } from "../features/location.ts";

export interface MemoryRecords extends RecordReader {
  /** Appends records that lie one after the other in `values`, which is kept and not copied. */
  add(values: Uint8Array): Location[];
}

/** @param size bytes of a record */
export function memoryRecords(size: number): MemoryRecords {
  const chunks: Uint8Array[] = [];
  return {
    add(values) {
      if (values.length % size !== 0) throw new RangeError(`${values.length} bytes are no records of ${size}.`);
      const file = chunks.push(values) - 1;
      return Array.from({ length: values.length / size }, (_, i) => ({ file, offset: i * size }));
    },
    read: ({ file, offset }, into) => into.set(chunks[file]!.subarray(offset, offset + size)),
  };
}
