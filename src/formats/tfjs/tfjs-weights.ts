/**
 * Reads the weights of a TensorFlow.js model: a manifest with their names, and shards with their bytes in sequence. Quantised weights
 * become float32. Sizes are checked against the shards before memory is allocated. Also has the readers of untrusted JSON that the
 * converters use; converts no layer.
 */
import { dataError } from "../../base/errors.ts";
import { elementCount } from "../../onnx/model.ts";
import { float16Value } from "../../onnx/passes/simplify.ts";
import type { FloatArray } from "../tensorflow-layout.ts";

/** A weight in TensorFlow's layout, channels last. */
export type Weight = FloatArray;

/** Reads a shard by its path in the manifest, relative to `model.json`. */
export type ReadShard = (path: string) => Promise<Uint8Array>;

interface Quantisation {
  readonly type: string;
  readonly scale: number;
  readonly min: number;
}

/** Readers of the stored types; the bytes must be aligned. */
const stored: Readonly<Record<string, { readonly size: number; read(bytes: Uint8Array): ArrayLike<number> }>> = {
  float32: { size: 4, read: (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) },
  float16: {
    size: 2,
    read: (bytes) => Float32Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2), float16Value),
  },
  int32: { size: 4, read: (bytes) => new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) },
  uint16: { size: 2, read: (bytes) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2) },
  uint8: { size: 1, read: (bytes) => bytes },
  bool: { size: 1, read: (bytes) => bytes },
};

/**
 * Reads all weights of a manifest.
 *
 * @throws GraftError (`data`) if a shard is missing or too short
 */
export async function readWeights(
  manifest: Json,
  readShard: ReadShard,
  source: string,
): Promise<ReadonlyMap<string, Weight>> {
  const weights = new Map<string, Weight>();
  for (const group of listOf(manifest, `the weights manifest of ${source}`)) {
    if (!isRecord(group)) throw dataError(`The weights manifest of ${source} is damaged: download the model again.`);
    const shards: Uint8Array[] = [];
    for (const path of listOf(group.paths, `the shard list of ${source}`))
      shards.push(await readShard(textOf(path, `a shard's path in ${source}`)));
    readGroup(listOf(group.weights, `the weight list of ${source}`), Buffer.concat(shards), source, weights);
  }
  return weights;
}

function readGroup(entries: readonly Json[], bytes: Uint8Array, source: string, into: Map<string, Weight>): void {
  let offset = 0;
  for (const entry of entries) {
    if (!isRecord(entry)) throw dataError(`The weights manifest of ${source} is damaged: download the model again.`);
    const name = textOf(entry.name, `a weight's name in ${source}`);
    const dims = numbersOf(entry.shape, `the shape of "${name}" in ${source}`);
    const quantisation = quantisationOf(entry.quantization, name, source);
    const type = quantisation?.type ?? textOf(entry.dtype, `the type of "${name}" in ${source}`);
    const format = Object.hasOwn(stored, type) ? stored[type] : undefined;
    if (!format) throw dataError(`The weight "${name}" of ${source} has type "${type}", which Graft does not read.`);
    if (!dims.every((size) => Number.isInteger(size) && size >= 0))
      throw dataError(`The shape [${dims}] of "${name}" in ${source} is invalid: download the model again.`);
    const length = elementCount(dims) * format.size;
    if (!Number.isSafeInteger(length) || offset + length > bytes.length) {
      throw dataError(
        `The shards of ${source} end before the end of the weight "${name}" [${dims}]: download the model again.`,
      );
    }
    // A copy is aligned, and lets the shards be freed.
    const values = format.read(new Uint8Array(bytes.subarray(offset, offset + length)));
    const { scale, min } = quantisation ?? { scale: 1, min: 0 };
    const data = quantisation
      ? Float32Array.from(values, (value) => value * scale + min)
      : values instanceof Float32Array
        ? values
        : Float32Array.from(values);
    into.set(name, { dims, data });
    offset += length;
  }
}

function quantisationOf(value: Json, name: string, source: string): Quantisation | undefined {
  if (value === undefined) return undefined;
  if (!isRecord(value))
    throw dataError(`The quantisation of "${name}" in ${source} is damaged: download the model again.`);
  const type = textOf(value.dtype, `the quantised type of "${name}" in ${source}`);
  // float16 counts as a quantisation, but has neither scale nor minimum.
  const scale = value.scale === undefined ? 1 : numbersOf([value.scale], `the scale of "${name}" in ${source}`)[0]!;
  const min = value.min === undefined ? 0 : numbersOf([value.min], `the minimum of "${name}" in ${source}`)[0]!;
  return { type, scale, min };
}

// Readers of untrusted JSON: each checks the type, and an error says what was expected and where.

/** Anything that JSON.parse may return. */
export type Json = unknown;

export const isRecord = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const fail = (what: string, wanted: string): Error =>
  dataError(`Expected ${wanted} as ${what}: the model file is damaged or has another format.`);

export function recordOf(value: Json, what: string): Readonly<Record<string, Json>> {
  if (isRecord(value)) return value;
  throw fail(what, "an object");
}

export function listOf(value: Json, what: string): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw fail(what, "a list");
}

export function textOf(value: Json, what: string): string {
  if (typeof value === "string") return value;
  throw fail(what, "a text");
}

export function numberOf(value: Json, what: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw fail(what, "a number");
}

export const numbersOf = (value: Json, what: string): readonly number[] =>
  listOf(value, what).map((item) => numberOf(item, what));

// The attributes of a TensorFlow node in JSON, where integers are written as text and text as base64.

/** Readers by type. Each returns undefined if the node leaves the attribute at its default. */
export interface Attributes {
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  integers(name: string): readonly number[] | undefined;
  number(name: string): number | undefined;
  flag(name: string): boolean;
}

function integer(value: Json, what: string): number {
  const number = typeof value === "string" && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return number;
  throw dataError(`Expected an integer as ${what}: the model file is damaged.`);
}

const decoded = (value: Json, what: string): string => Buffer.from(textOf(value, what), "base64").toString("utf8");

/** The readers for the node `name`. */
export function attributesOf(record: Readonly<Record<string, Json>>, name: string): Attributes {
  const field = (attribute: string, kind: string): Json => {
    const value = Object.hasOwn(record, attribute) ? record[attribute] : undefined;
    return isRecord(value) ? value[kind] : undefined;
  };
  const list = (attribute: string, kind: string): Json => {
    const value = field(attribute, "list");
    return isRecord(value) ? value[kind] : undefined;
  };
  const what = (attribute: string): string => `"${attribute}" of "${name}"`;
  return {
    text(attribute) {
      const value = field(attribute, "s");
      return value === undefined ? undefined : decoded(value, what(attribute));
    },
    texts: (attribute) =>
      listOf(list(attribute, "s") ?? [], what(attribute)).map((item) => decoded(item, what(attribute))),
    integers(attribute) {
      const value = list(attribute, "i");
      return value === undefined
        ? undefined
        : listOf(value, what(attribute)).map((item) => integer(item, what(attribute)));
    },
    number(attribute) {
      const value = field(attribute, "f");
      return value === undefined ? undefined : numberOf(value, what(attribute));
    },
    flag: (attribute) => field(attribute, "b") === true,
  };
}
