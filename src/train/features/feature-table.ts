/**
 * Tables of features, read in chunks so that they may be larger than memory: selecting rows and columns, standardising columns, and cosine
 * similarities between rows. Knows no files and no networks.
 */
import type { Cut } from "../../networks/backbone/backbone.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { float32Tensor, int64Tensor, modelOf, node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import type { Location, RecordReader } from "./images-and-records.ts";

/** Consecutive rows: `data` is `[rows, columns]`, valid until the next chunk is read. */
export interface Chunk {
  readonly first: number;
  readonly rows: number;
  readonly data: Float32Array;
}

/** `[rows, columns]` features. */
export interface FeatureTable {
  readonly rows: number;
  readonly columns: number;
  chunks(): Iterable<Chunk>;
}

/** A table whose rows can be read in any order. */
export interface RowTable extends FeatureTable {
  /** A table of some rows, in the given order. */
  select(rows: readonly number[]): RowTable;
  /** Reads one row. */
  read(row: number, into: Float32Array): void;
}

/** Maximum bytes of a chunk. */
const CHUNK_BYTES = 32 << 20;
/** Standardised tables up to this size are in memory. */
const IN_MEMORY_BYTES = 256 << 20;

/** A table whose rows are read by number, chunk by chunk into one reused buffer. */
export function tableOf(rows: number, columns: number, read: (row: number, into: Float32Array) => void): RowTable {
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / (columns * 4)));
  return {
    rows,
    columns,
    read,
    select: (chosen) => tableOf(chosen.length, columns, (row, into) => read(chosen[row]!, into)),
    *chunks() {
      const buffer = new Float32Array(Math.min(rows, rowsPerChunk) * columns);
      for (let first = 0; first < rows; first += rowsPerChunk) {
        const count = Math.min(rowsPerChunk, rows - first);
        for (let i = 0; i < count; i++) read(first + i, buffer.subarray(i * columns, (i + 1) * columns));
        yield { first, rows: count, data: buffer.subarray(0, count * columns) };
      }
    },
  };
}

/** A table of features from the records of a store. */
export const tableOfRecords = (records: RecordReader, locations: readonly Location[], columns: number): RowTable =>
  tableOf(locations.length, columns, (row, into) =>
    records.read(locations[row]!, new Uint8Array(into.buffer, into.byteOffset, into.byteLength)),
  );

/** Some neighbouring columns of a table. */
export function columnsOf(table: RowTable, first: number, count: number): RowTable {
  if (first === 0 && count === table.columns) return table;
  const whole = new Float32Array(table.columns);
  return tableOf(table.rows, count, (row, into) => {
    table.read(row, whole);
    into.set(whole.subarray(first, first + count));
  });
}

/** The mean of two tables of the same size, value by value. */
export function meanOfTables(a: RowTable, b: RowTable): RowTable {
  const other = new Float32Array(b.columns);
  return tableOf(a.rows, a.columns, (row, into) => {
    a.read(row, into);
    b.read(row, other);
    for (let j = 0; j < other.length; j++) into[j] = (into[j]! + other[j]!) / 2;
  });
}

/** A table in memory. */
export interface DenseTable extends FeatureTable {
  /** `[rows, columns]` */
  readonly data: Float32Array;
}

/** Makes a table from `data` `[rows, columns]`. */
export const denseTable = (data: Float32Array, columns: number): DenseTable => ({
  data,
  rows: data.length / columns,
  columns,
  *chunks() {
    yield { first: 0, rows: data.length / columns, data };
  },
});

/** Mean and standard deviation of each column; a constant column has deviation 1, so that it maps to 0. */
export interface Standardisation {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** A column with a variance below this counts as constant. */
const LEAST_VARIANCE = 1e-12;

/**
 * Measures a table's columns in one pass (sums are relative to the first row, against cancellation).
 *
 * @param pooling the weight, in rows, of the squared mean deviation of all columns beside a column's own variance. With few rows, a column's
 *   own variance is a poor estimate: a column that hardly varies would be stretched without bound. Default 0
 */
export function measureColumns(table: FeatureTable, pooling = 0): Standardisation {
  const { rows, columns } = table;
  const shift = new Float64Array(columns);
  const sum = new Float64Array(columns);
  const squares = new Float64Array(columns);
  for (const { first, rows: count, data } of table.chunks()) {
    if (first === 0) for (let j = 0; j < columns; j++) shift[j] = data[j]!;
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < columns; j++) {
        const value = data[i * columns + j]! - shift[j]!;
        sum[j] = sum[j]! + value;
        squares[j] = squares[j]! + value * value;
      }
    }
  }
  const mean = sum.map((total, j) => total / rows + shift[j]!);
  const variances = squares.map((total, j) => total / rows - (sum[j]! / rows) ** 2);
  const varying = variances.filter((variance) => variance > LEAST_VARIANCE);
  // The mean of deviations, not of variances: single columns may be a hundred times larger than the others.
  const typical = (varying.reduce((sum, variance) => sum + Math.sqrt(variance), 0) / varying.length) ** 2;
  const deviation = variances.map((variance) => {
    if (pooling > 0 && varying.length > 0)
      return Math.sqrt((rows * Math.max(0, variance) + pooling * typical) / (rows + pooling));
    return variance > LEAST_VARIANCE ? Math.sqrt(variance) : 1;
  });
  return { mean, deviation };
}

/** The table with standardised columns and a last column of ones (for the bias): `[rows, columns + 1]`. */
export function standardised(table: FeatureTable, { mean, deviation }: Standardisation): FeatureTable {
  const { rows, columns } = table;
  const wide = columns + 1;
  const transform = (source: Float32Array, count: number, target: Float32Array): void => {
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < columns; j++) {
        target[i * wide + j] = (source[i * columns + j]! - mean[j]!) / deviation[j]!;
      }
      target[i * wide + columns] = 1;
    }
  };
  if (rows * wide * 4 <= IN_MEMORY_BYTES) {
    const data = new Float32Array(rows * wide);
    for (const chunk of table.chunks()) transform(chunk.data, chunk.rows, data.subarray(chunk.first * wide));
    return denseTable(data, wide);
  }
  return {
    rows,
    columns: wide,
    *chunks() {
      let buffer = new Float32Array(0);
      for (const chunk of table.chunks()) {
        if (buffer.length < chunk.rows * wide) buffer = new Float32Array(chunk.rows * wide);
        transform(chunk.data, chunk.rows, buffer);
        yield { first: chunk.first, rows: chunk.rows, data: buffer.subarray(0, chunk.rows * wide) };
      }
    },
  };
}

// Features at several cuts, read in one pass: which columns are of which cut and view.

/** What is read of each image: the features at all cuts in order; then, with `mirrors`, the same of the mirror image. */
export interface ReadCuts {
  readonly cuts: readonly Cut[];
  readonly mirrors: boolean;
}

/** The number of columns of such a table. */
export const columnsRead = ({ cuts, mirrors }: ReadCuts): number =>
  (mirrors ? 2 : 1) * cuts.reduce((sum, { shape }) => sum + shape.features, 0);

/** The features of one cut, averaged over both views if the cut says so. */
export function readingOf({ cuts }: ReadCuts, table: RowTable, { tensor, shape }: Cut): RowTable {
  const at = cuts.findIndex((cut) => cut.tensor === tensor);
  const widths = cuts.map((cut) => cut.shape.features);
  const sum = (upTo: number): number => widths.slice(0, upTo).reduce((total, width) => total + width, 0);
  const plain = columnsOf(table, sum(at), shape.features);
  if (shape.views !== "mirrored") return plain;
  return meanOfTables(plain, columnsOf(table, sum(widths.length) + sum(at), shape.features));
}

// Cosine similarities of features: matrix products on ONNX Runtime, chunk by chunk.

/** Rows compared at once: their similarities to a bank of 4,000 take 8 MB. */
const ROWS_AT_ONCE = 512;
/** Lower bound of a row's length, so that a row of zeros has similarity 0 to all others. */
const LEAST_LENGTH = 1e-12;

/** Some rows of a table in the given order, each scaled to length 1: `[rows, columns]`. */
export function unitRows(table: FeatureTable, rows: readonly number[]): Float32Array {
  const { columns } = table;
  const units = new Float32Array(rows.length * columns);
  const placeOf = new Map(rows.map((row, place) => [row, place]));
  for (const { first, rows: count, data } of table.chunks()) {
    for (let i = 0; i < count; i++) {
      const place = placeOf.get(first + i);
      if (place === undefined) continue;
      const row = data.subarray(i * columns, (i + 1) * columns);
      let squares = 0;
      for (let j = 0; j < columns; j++) squares += row[j]! * row[j]!;
      const scale = 1 / Math.max(Math.sqrt(squares), LEAST_LENGTH);
      for (let j = 0; j < columns; j++) units[place * columns + j] = row[j]! * scale;
    }
  }
  return units;
}

/**
 * The cosine similarity of every row of a table with every row of a bank, row by row.
 *
 * @param bank `[M, columns]`, rows of length 1
 * @param visit called with a row's number and its `[M]` similarities, which are valid until it returns
 */
export async function eachSimilarity(
  table: FeatureTable,
  bank: Float32Array,
  visit: (row: number, similarities: Float32Array) => void,
): Promise<void> {
  const { columns } = table;
  const size = bank.length / columns;
  const session = await openSession(similarityModel(bank, columns));
  try {
    for (const { first, rows, data } of table.chunks()) {
      for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
        const count = Math.min(ROWS_AT_ONCE, rows - from);
        const part = data.subarray(from * columns, (from + count) * columns);
        const result = await session.run({ x: { dims: [count, columns], data: part } });
        const values = result.y!.data as Float32Array;
        for (let i = 0; i < count; i++) visit(first + from + i, values.subarray(i * size, (i + 1) * size));
      }
    }
  } finally {
    await session.close();
  }
}

function similarityModel(bank: Float32Array, columns: number): Uint8Array {
  const graph = {
    name: "similarity",
    nodes: [
      node("ReduceL2", ["x", "axis"], ["lengths"], { keepdims: 1 }),
      node("Max", ["lengths", "least"], ["safe"]),
      node("Div", ["x", "safe"], ["units"]),
      node("Gemm", ["units", "bank"], ["y"], { transB: 1 }),
    ],
    inputs: [{ name: "x", type: "float32", dims: ["n", columns] }],
    outputs: [{ name: "y", type: "float32", dims: ["n", bank.length / columns] }],
    initializers: new Map([
      ["axis", int64Tensor([1], [1])],
      ["least", float32Tensor([], [LEAST_LENGTH])],
      ["bank", float32Tensor([bank.length / columns, columns], bank)],
    ]),
  } as const;
  return encodeModelWhole(modelOf(graph));
}
