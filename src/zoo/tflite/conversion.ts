/**
 * Builds the ONNX graph of a TensorFlow Lite model: names, constants and nodes, in ONNX's layout. The rules for operators (`ops/`) read
 * tensors from it and add nodes to it.
 */
import { dataError } from "../../base/errors.ts";
import { type AttributeLike, type Node, node } from "../../graph/model.ts";
import { float32Tensor, int64Tensor, type Tensor } from "../../graph/tensor.ts";
import { transposed } from "../tensorflow-layout.ts";
import { convertedDims, sameOrder, toChannelsFirst, toChannelsLast } from "./layout.ts";
import { dequantised, isReal } from "./quantise.ts";
import type { TfliteTensor } from "./read.ts";

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
