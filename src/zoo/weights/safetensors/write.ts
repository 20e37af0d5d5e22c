/** Writes safetensors atomically, without copying the tensors. */
import { writeWhole } from "../../../base/files.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import { dtypes } from "./read.ts";

const words = new Map(Object.entries(dtypes).map(([word, type]) => [type, word]));

/** The header is padded with spaces to a multiple of this number of bytes, so that tensors can be mapped into memory. */
const ALIGNMENT = 8;

/**
 * Writes tensors in their order, but wide types first, so that each starts at a multiple of its element's size (as in the reference
 * implementation).
 *
 * @param metadata texts for `__metadata__`, such as `{ format: "pt" }`
 * @throws GraftError (`work`) if the disk fails; RangeError for a tensor of strings or one called `__metadata__`
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const inOrder = [...tensors].sort(([, a], [, b]) => width(b) - width(a));
  const entries: [string, unknown][] = [];
  let offset = 0;
  for (const [name, { type, dims, bytes }] of inOrder) {
    if (name === "__metadata__") throw new RangeError("safetensors reserves the name __metadata__.");
    const dtype = words.get(type);
    if (!dtype) throw new RangeError(`safetensors does not support "${name}", a tensor of ${type}.`);
    entries.push([name, { dtype, shape: dims, data_offsets: [offset, offset + bytes.length] }]);
    offset += bytes.length;
  }
  // Not an object: it would lose `__proto__` and put numeric names first.
  const all = Object.keys(metadata).length > 0 ? [["__metadata__", metadata] as const, ...entries] : entries;
  const json = `{${all.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
  const unpadded = Buffer.from(json);
  const length = Math.ceil(unpadded.length / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(8 + length, " ");
  header.writeBigUInt64LE(BigInt(length), 0);
  unpadded.copy(header, 8);
  await writeWhole(path, [header, ...inOrder.map(([, { bytes }]) => bytes)]);
}

const width = ({ bytes, dims }: Tensor): number =>
  bytes.length /
  Math.max(
    1,
    dims.reduce((n, size) => n * size, 1),
  );
