/** How alike images are to a network: cosine similarities of features, as matrix products on ONNX Runtime, chunk by chunk. */

import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { float32Tensor, int64Tensor, modelOf, node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import type { FeatureTable } from "./feature-table.ts";

/** Rows compared at once: what they give with a bank of 4,000 takes 8 MB. */
const ROWS_AT_ONCE = 512;
/** Lengths below this count as this, so that a row of zeros is like nothing. */
const LEAST_LENGTH = 1e-12;

/** Some rows of a table in the order given, each scaled to length 1: `[rows, columns]`. */
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
 * @param visit takes a row's number and its `[M]` similarities, valid until it returns
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
