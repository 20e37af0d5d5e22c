/** Writing safetensors: whole or not at all, each tensor straight from its own memory. Reading is `read.ts`. */
import { writeWhole } from "../../../base/files.ts";
import type { Tensor } from "../../../graph/tensor.ts";
import { dtypes } from "./read.ts";

const words = new Map(Object.entries(dtypes).map(([word, type]) => [type, word]));

/** The header is padded with spaces to a multiple of this, so that tensors can be mapped into memory. */
const ALIGNMENT = 8;

/**
 * Writes tensors under their names, in their order, but wide types first so that each begins at a multiple of its element's
 * size (as the reference implementation does).
 *
 * @param metadata texts for `__metadata__`, such as `{ format: "pt" }`
 * @throws GraftError (`work`) where the disk refuses; RangeError for strings and for a tensor called `__metadata__`, which the format does not know
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
    if (name === "__metadata__") throw new RangeError("safetensors keeps the name __metadata__ for itself.");
    const dtype = words.get(type);
    if (!dtype) throw new RangeError(`safetensors cannot hold "${name}", a tensor of ${type}.`);
    entries.push([name, { dtype, shape: dims, data_offsets: [offset, offset + bytes.length] }]);
    offset += bytes.length;
  }
  // Not an object: `__proto__` would be lost, and numbers would come first.
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
