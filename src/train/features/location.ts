/** Where records of one size are kept, as those see it who only read them: on disk (records.ts) or in a page's memory. */

/** Where a record lies. */
export interface Location {
  readonly file: number;
  readonly offset: number;
}

export interface RecordReader {
  /** Reads one record into as many bytes. */
  read(at: Location, into: Uint8Array): void;
}
