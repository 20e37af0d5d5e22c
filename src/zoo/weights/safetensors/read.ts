/**
 * Reads and writes safetensors: eight bytes with the header's length, the header, then the tensors. They contain numbers only, never code.
 * The rules of https://huggingface.co/docs/safetensors/index are enforced:
 *
 * - the length is little-endian, at most 100 MB and within the file; the header starts with `{`;
 * - tensors are little-endian and row-major; their size in bytes is that of their shape and type;
 * - ranges are within the file, do not overlap, and leave no gaps.
 */
import { dataError } from "../../../base/errors.ts";
import { bytesPerElement, elementCount, type TensorType } from "../../../graph/tensor.ts";
import type { Ranges } from "../ranges.ts";
import { tensorOf, type WeightEntry, type WeightFile } from "../weight-file.ts";
import { type HeaderTensor, parseHeader } from "./header.ts";

/** Element types by their names in the format. No published image network uses those of 8 bits and fewer (`F8_E4M3`, …). */
export const dtypes: Readonly<Record<string, TensorType>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U64: "uint64",
  U32: "uint32",
  U16: "uint16",
  U8: "uint8",
  BOOL: "bool",
};

/** The longest header that the format allows, in bytes. */
const LONGEST_HEADER = 100_000_000;
/** Size in bytes of the header's length. */
const PREFIX = 8;

/**
 * Opens a safetensors file. Closing it closes `ranges`.
 *
 * @throws GraftError (`data`) with the rule that the file breaks
 */
export async function openSafetensors(ranges: Ranges): Promise<WeightFile & { metadata: ReadonlyMap<string, string> }> {
  const { path } = ranges;
  const { text, end } = await readHeader(ranges);
  const { tensors, metadata } = parseHeader(text, path);
  const checked = new Map([...tensors].map(([name, tensor]) => [name, entryOf(name, tensor, path)]));
  checkRanges(tensors, ranges.size - end, path);
  return {
    path,
    format: "safetensors",
    entries: checked,
    metadata,
    async read(name) {
      const entry = checked.get(name);
      if (!entry) throw new RangeError(`${path} has no tensor "${name}".`);
      const [from, to] = tensors.get(name)!.offsets;
      return tensorOf(entry, await ranges.read(end + from, to - from));
    },
    digest: () => ranges.digest(),
    close: () => ranges.close(),
  };
}

async function readHeader(ranges: Ranges): Promise<{ text: string; end: number }> {
  const { path, size } = ranges;
  const fail = (what: string): Error =>
    dataError(`${path} is not a safetensors file, or is damaged: ${what}; download it again.`);
  if (size < PREFIX + 2) throw fail(`it has only ${size} bytes`);
  const prefix = await ranges.read(0, PREFIX);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > LONGEST_HEADER) throw fail(`its header would have ${length} bytes, and ${LONGEST_HEADER} are allowed`);
  if (length > size - PREFIX) throw fail(`its header would have ${length} bytes, and the file has ${size}`);
  const bytes = await ranges.read(PREFIX, Number(length));
  if (bytes[0] !== 0x7b) throw fail('its header does not begin with "{"');
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), end: PREFIX + Number(length) };
  } catch {
    throw fail("its header is not UTF-8");
  }
}

function entryOf(name: string, { dtype, shape, offsets: [begin, end] }: HeaderTensor, path: string): WeightEntry {
  const type = Object.hasOwn(dtypes, dtype) ? dtypes[dtype]! : undefined;
  if (!type)
    throw dataError(`The tensor "${name}" of ${path} has type "${dtype}", which Graft does not read: save it as F32.`);
  const bytes = elementCount(shape) * bytesPerElement[type];
  if (bytes !== end - begin) {
    throw dataError(
      `${path} is a damaged safetensors file: "${name}" is ${dtype} [${shape}], ${bytes} bytes, but has the range ${begin} to ${end}; download it again.`,
    );
  }
  return { type, dims: shape };
}

/** Checks that the ranges fill the `length` bytes after the header without gap or overlap. */
function checkRanges(tensors: ReadonlyMap<string, HeaderTensor>, length: number, path: string): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.offsets[0] - b.offsets[0] || a.offsets[1] - b.offsets[1]);
  let reached = 0;
  for (const [name, { offsets }] of inOrder) {
    const [begin, end] = offsets;
    if (begin === reached) reached = end;
    else
      throw dataError(
        `${path} is a damaged safetensors file: "${name}" starts at byte ${begin} instead of ${reached} (ranges must not overlap or leave gaps); download it again.`,
      );
  }
  if (reached !== length) {
    throw dataError(
      `${path} is ${reached > length ? "truncated" : "longer than its tensors"}: they need ${reached} bytes after the header, but there are ${length}; download it again.`,
    );
  }
}
