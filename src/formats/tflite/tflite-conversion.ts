/**
 * Builds the ONNX graph of a TensorFlow Lite model: names, constants and nodes, in ONNX's layout and in real numbers. The rules for
 * operators (window-ops.ts, tensor-ops.ts) read tensors from it and add nodes to it.
 */
import { dataError } from "../../base/errors.ts";
import { type AttributeLike, float32Tensor, int64Tensor, type Node, node, type Tensor } from "../../onnx/model.ts";
import { float16Value } from "../../onnx/passes/simplify.ts";
import { transposed } from "../tensorflow-layout.ts";
import type { TfliteTensor } from "./read-tflite.ts";
import type { ElementType } from "./tflite-schema.ts";

/** The name of the input in every converted network. */
export const INPUT_NAME = "input";

/** A graph under construction; `source` names the file in errors. */
export class Conversion {
  readonly source: string;
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, Tensor>();
  /** How often a name was requested. */
  readonly #taken = new Map<string, number>();
  /** Names by tensor index. */
  readonly #names = new Map<number, string>();
  /** The constant that a tensor equals, by the tensor's index. */
  readonly #same = new Map<number, TfliteTensor>();
  /** Names of constants by tensor and layout, so that weights are stored once. */
  readonly #placed = new Map<string, string>();
  readonly #computed = new Set<number>();
  #scope = "";
  #firstNode = 0;

  constructor(source: string) {
    this.source = source;
  }

  /** A unique name: `wanted`, with a number after it if it is taken. */
  fresh(wanted: string): string {
    for (;;) {
      const count = this.#taken.get(wanted) ?? 0;
      this.#taken.set(wanted, count + 1);
      const name = count === 0 ? wanted : `${wanted}_${count}`;
      if (count === 0) return name;
      if (!this.#taken.has(name)) {
        this.#taken.set(name, 1);
        return name;
      }
    }
  }

  /** The tensor's name in the converted graph: its own, with a number after it if it is taken. */
  nameOf(tensor: TfliteTensor): string {
    const known = this.#names.get(tensor.index);
    if (known !== undefined) return known;
    const name = this.fresh(tensor.name);
    this.#names.set(tensor.index, name);
    return name;
  }

  /** Declares the graph's input. */
  declareInput(tensor: TfliteTensor): void {
    this.#names.set(tensor.index, this.fresh(INPUT_NAME));
    this.#computed.add(tensor.index);
  }

  /** Declares that the next nodes compute `tensor`. Throws a data error if it is already computed. */
  begin(tensor: TfliteTensor): void {
    if (this.#computed.has(tensor.index) || tensor.bytes) {
      throw dataError(
        `${this.source} is damaged (the tensor "${tensor.name}" is computed twice): download or export it again.`,
      );
    }
    this.#scope = this.nameOf(tensor);
    this.#firstNode = this.nodes.length;
  }

  /** Makes `value` the tensor that {@link begin} declared: renames the output of the last node, or adds an `Identity`. */
  finish(tensor: TfliteTensor, value: string): void {
    const name = this.nameOf(tensor);
    const last = this.nodes[this.nodes.length - 1];
    if (this.nodes.length > this.#firstNode && last?.outputs[0] === value)
      this.nodes[this.nodes.length - 1] = { ...last, name, outputs: [name] };
    else this.nodes.push(node("Identity", [value], [name]));
    this.#computed.add(tensor.index);
  }

  /** Makes `tensor` another name of the constant `original`. Returns false if `original` is not a constant. */
  finishConstant(tensor: TfliteTensor, original: TfliteTensor): boolean {
    const constant = this.#same.get(original.index) ?? original;
    if (this.#computed.has(constant.index) || !isReal(constant)) return false;
    this.#same.set(tensor.index, constant);
    return true;
  }

  /** Adds a node and returns the name of its output. */
  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeLike>> = {}): string {
    const output = this.fresh(`${this.#scope}/${op}`);
    this.nodes.push(node(op, inputs, [output], attributes));
    return output;
  }

  /** The name of a constant scalar; equal scalars share one. */
  scalar(value: number): string {
    const key = `scalar ${value}`;
    const known = this.#placed.get(key);
    if (known !== undefined) return known;
    const name = this.fresh(`scalar/${value}`);
    this.initializers.set(name, float32Tensor([], [value]));
    this.#placed.set(key, name);
    return name;
  }

  /** The name of a new list of integers. */
  integers(what: string, values: readonly number[]): string {
    const name = this.fresh(`${this.#scope}/${what}`);
    this.initializers.set(name, int64Tensor([values.length], values));
    return name;
  }

  /**
   * The name of a constant's real values, with `rank` dimensions (ones are prepended) and then reordered (see {@link transposed}).
   * Undefined if the tensor is not a constant.
   */
  place(tensor: TfliteTensor, order?: readonly number[], rank = tensor.dims.length): string | undefined {
    const constant = this.#same.get(tensor.index) ?? tensor;
    const key = `${constant.index} ${rank} ${order}`;
    const known = this.#placed.get(key);
    if (known !== undefined) return known;
    const data = this.#computed.has(constant.index) ? undefined : dequantised(constant);
    if (!data) return undefined;
    const dims = [...Array<number>(rank - constant.dims.length).fill(1), ...constant.dims];
    const placed = order ? transposed({ dims, data }, order) : { dims, data };
    const name = this.fresh(constant.name);
    this.initializers.set(name, float32Tensor(placed.dims, placed.data));
    this.#placed.set(key, name);
    return name;
  }

  /** The name of a tensor in ONNX's layout. Throws a data error if it is neither computed nor constant. */
  read(tensor: TfliteTensor): string {
    if (this.#computed.has(tensor.index)) return this.nameOf(tensor);
    const name = this.place(tensor, tensor.dims.length === 4 ? toChannelsFirst : undefined);
    if (name !== undefined) return name;
    throw dataError(
      `${this.source}: the tensor "${tensor.name}" is neither computed nor a constant of real numbers: download or export the model again.`,
    );
  }

  /** The tensor's value with its elements in the file's order (axes may be permuted if that moves no element). */
  readInFileOrder(tensor: TfliteTensor): string {
    const value = this.read(tensor);
    return sameOrder(tensor.dims) ? value : this.add("Transpose", [value], { perm: toChannelsLast });
  }

  /** Reshapes `value`, with elements in the file's order, to the file's `dims` in ONNX's layout. The batch stays open. */
  shaped(value: string, dims: readonly number[]): string {
    const target = sameOrder(dims) ? convertedDims(dims) : dims;
    const open = this.integers("shape", [-1, ...target.slice(1)]);
    const reshaped = this.add("Reshape", [value, open]);
    return sameOrder(dims) ? reshaped : this.add("Transpose", [reshaped], { perm: toChannelsFirst });
  }
}

// Dimensions and axes between TensorFlow Lite's layout of images, `[N, H, W, C]`, and ONNX's, `[N, C, H, W]`. Tensors of other ranks
// than 4 are unchanged.

/** `toChannelsFirst[i]`: the TensorFlow Lite dimension that becomes ONNX's dimension `i`. */
export const toChannelsFirst = [0, 3, 1, 2] as const;
/** `toChannelsLast[i]`: the ONNX dimension that becomes TensorFlow Lite's dimension `i`. */
export const toChannelsLast = [0, 2, 3, 1] as const;

const isImage = (dims: readonly number[]): boolean => dims.length === 4;

/** The dimensions of a tensor of the file in the converted graph. */
export const convertedDims = (dims: readonly number[]): readonly number[] =>
  isImage(dims) ? toChannelsFirst.map((axis) => dims[axis]!) : dims;

/** The axis in the converted graph of `axis` (may be negative) of a tensor of this rank; undefined if there is no such axis. */
export function convertedAxis(axis: number, rank: number): number | undefined {
  const counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank) return undefined;
  return rank === 4 ? toChannelsFirst.indexOf(counted as 0 | 1 | 2 | 3) : counted;
}

/** Whether a tensor's elements are in the same order in both layouts: one channel, or one pixel. */
export const sameOrder = (dims: readonly number[]): boolean =>
  !isImage(dims) || dims[3] === 1 || dims[1]! * dims[2]! === 1;

// Real numbers: dequantises constants to float32, and computes the real range of quantised tensors.

/** Real numbers from `low` to `high`, both included. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

const everything: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
const integerRanges: Partial<Record<ElementType, Range>> = {
  uint8: { low: 0, high: 255 },
  int8: { low: -128, high: 127 },
};

/** The real range of a tensor: unlimited unless it is quantised to 8 bits. */
export function rangeOf({ type, quantisation }: TfliteTensor): Range {
  const integers = integerRanges[type];
  if (!integers || quantisation?.scales.length !== 1) return everything;
  const scale = quantisation.scales[0]!;
  const zero = quantisation.zeros[0]!;
  return { low: Math.fround((integers.low - zero) * scale), high: Math.fround((integers.high - zero) * scale) };
}

/** The numbers in both ranges. */
export const intersection = (a: Range, b: Range): Range => ({
  low: Math.max(a.low, b.low),
  high: Math.min(a.high, b.high),
});

/** Whether `outer` contains `inner`. */
export const contains = (outer: Range, inner: Range): boolean => outer.low <= inner.low && inner.high <= outer.high;

type Numbers = Float32Array | Uint8Array | Int8Array | Int32Array;

const readers: Record<ElementType, (bytes: Uint8Array) => Numbers | undefined> = {
  float32: (bytes) => new Float32Array(alignedCopy(bytes, 4)),
  float16: (bytes) => Float32Array.from(new Uint16Array(alignedCopy(bytes, 2)), float16Value),
  uint8: (bytes) => bytes,
  int8: (bytes) => new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length),
  int32: (bytes) => new Int32Array(alignedCopy(bytes, 4)),
  int64: () => undefined,
};

/** Whether a tensor is a constant of real numbers: floats or integers with a scale. */
export const isReal = ({ type, bytes, quantisation }: TfliteTensor): boolean =>
  bytes !== undefined && (type === "float32" || type === "float16" || (type !== "int64" && quantisation !== undefined));

/**
 * The real values of a constant, in the file's layout; undefined if it has no values, or its integers are not quantised (shapes, axes).
 */
export function dequantised(tensor: TfliteTensor): Float32Array | undefined {
  const { type, dims, bytes, quantisation } = tensor;
  const numbers = bytes && isReal(tensor) ? readers[type](bytes) : undefined;
  if (!numbers || numbers instanceof Float32Array) return numbers;
  if (!quantisation) return undefined;
  const { scales, zeros, axis } = quantisation;
  const real = new Float32Array(numbers.length);
  // With one scale, the whole tensor is one slice.
  const inner =
    scales.length === 1 ? numbers.length : dims.slice(axis + 1).reduce((product, size) => product * size, 1);
  for (let start = 0, slice = 0; start < numbers.length; start += inner, slice++) {
    const scale = scales[slice % scales.length]!;
    const zero = zeros[slice % scales.length]!;
    for (let index = start; index < start + inner; index++) real[index] = (numbers[index]! - zero) * scale;
  }
  return real;
}

/** The elements of an integer constant (shapes, axes, paddings); undefined if the tensor is not one. */
export function integersOf({ type, bytes }: TfliteTensor): number[] | undefined {
  if (!bytes) return undefined;
  if (type === "int32") return Array.from(new Int32Array(alignedCopy(bytes, 4)));
  if (type === "int64") return Array.from(new BigInt64Array(alignedCopy(bytes, 8)), Number);
  return undefined;
}

// Alignment for typed arrays.

/** A copy of `bytes`, cut to a multiple of `size` bytes; readers check lengths beforehand. */
export const alignedCopy = (bytes: Uint8Array, size: number): ArrayBuffer =>
  new Uint8Array(bytes.subarray(0, bytes.length - (bytes.length % size))).buffer;
