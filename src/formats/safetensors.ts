/**
 * Reads and writes safetensors: eight bytes with the header's length, the header, then the tensors. They contain numbers only, never code.
 * The rules of https://huggingface.co/docs/safetensors/index are enforced:
 *
 * - the length is little-endian, at most 100 MB and within the file; the header starts with `{`;
 * - tensors are little-endian and row-major; their size in bytes is that of their shape and type;
 * - ranges are within the file, do not overlap, and leave no gaps.
 */
import { dataError } from "../base/errors.ts";
import { writeWhole } from "../base/files.ts";
import { bytesPerElement, elementCount, type Tensor, type TensorType } from "../onnx/model.ts";
import { type Ranges, tensorOf, type WeightEntry, type WeightFile } from "./weight-file.ts";

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

// Writing: atomic, without copying the tensors.

const dtypeNames = new Map(Object.entries(dtypes).map(([word, type]) => [type, word]));

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
    const dtype = dtypeNames.get(type);
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

// The header's parser. `JSON.parse` would allocate hundreds of bytes for two (`[[],[],…]`), silently merge duplicate names and round
// large numbers; this parser allocates memory only for tensors that it accepts. It enforces that names are unique, `__metadata__` maps
// text to text, and each tensor has only `dtype`, `shape` and `data_offsets`. Format: https://huggingface.co/docs/safetensors/index,
// "Format".

/** A tensor as the header describes it, not yet checked against the file. */
export interface HeaderTensor {
  /** The format's name of the type: `F32`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and byte after the last, relative to the end of the header. */
  readonly offsets: readonly [begin: number, end: number];
}

/** A parsed header. */
export interface Header {
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** More than any network has; each takes a few hundred bytes of memory. */
const MOST_TENSORS = 200_000;
/** The limit of ONNX Runtime and NumPy. */
const MOST_AXES = 32;
/** Longer than the name of any module; values of metadata may be longer. */
const LONGEST_NAME = 4096;

/**
 * Reads the header's text.
 *
 * @param source the file, for messages
 * @throws GraftError (`data`) with the fault and its position
 */
export function parseHeader(text: string, source: string): Header {
  const tensors = new Map<string, HeaderTensor>();
  const metadata = new Map<string, string>();
  let at = 0;

  const fail = (what: string): Error =>
    dataError(`${source} is a damaged safetensors file: ${what} at character ${at} of its header; download it again.`);
  const skip = (): void => {
    while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
  };
  const take = (wanted: string): boolean => {
    skip();
    const found = text[at] === wanted;
    if (found) at++;
    return found;
  };
  const expect = (wanted: string): void => {
    if (!take(wanted)) throw fail(`"${wanted}" is missing`);
  };
  const string = (longest = Number.POSITIVE_INFINITY): string => {
    expect('"');
    const begin = at - 1;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    expect('"');
    if (at - begin > longest) throw fail("a name is too long");
    try {
      return JSON.parse(text.slice(begin, at)) as string;
    } catch {
      throw fail("a text is not JSON");
    }
  };
  const whole = (): number => {
    skip();
    const begin = at;
    while (text[at]! >= "0" && text[at]! <= "9") at++;
    const value = Number(text.slice(begin, at));
    if (begin === at || !Number.isSafeInteger(value)) throw fail("a number is not whole, negative or too large");
    return value;
  };
  const list = (most: number): number[] => {
    const values: number[] = [];
    expect("[");
    if (take("]")) return values;
    do {
      if (values.length === most) throw fail(`a list has more than ${most} numbers`);
      values.push(whole());
    } while (take(","));
    expect("]");
    return values;
  };
  /** Calls `member` after each name and colon of an object; names must be unique. */
  const object = (member: (name: string) => void): void => {
    expect("{");
    if (take("}")) return;
    const names = new Set<string>();
    do {
      if (names.size === MOST_TENSORS) throw fail(`there are more than ${MOST_TENSORS} names`);
      const name = string(LONGEST_NAME);
      if (names.has(name)) throw fail(`the name "${name}" occurs twice`);
      names.add(name);
      expect(":");
      member(name);
    } while (take(","));
    expect("}");
  };
  const tensor = (): HeaderTensor => {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    object((name) => {
      if (name === "dtype") dtype = string(LONGEST_NAME);
      else if (name === "shape") shape = list(MOST_AXES);
      else if (name === "data_offsets") offsets = list(2);
      else throw fail(`"${name}" is not a known field`);
    });
    const [begin, end] = offsets ?? [];
    if (dtype === undefined || !shape || begin === undefined || end === undefined)
      throw fail("a tensor without dtype, shape or data_offsets ends");
    return { dtype, shape, offsets: [begin, end] };
  };

  object((name) => {
    if (name === "__metadata__") object((key) => void metadata.set(key, string()));
    else tensors.set(name, tensor());
  });
  skip();
  if (at < text.length) throw fail("more text follows");
  return { tensors, metadata };
}
