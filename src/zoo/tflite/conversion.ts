/**
 * The graph under construction: names, constants and nodes, in ONNX's layout. Operators (`ops/`) ask it for the values
 * of the tensors that they read and add nodes to it; it knows none of them.
 */
import { dataError } from "../../base/errors.ts";
import { type AttributeLike, type Node, node } from "../../graph/model.ts";
import { float32Tensor, int64Tensor, type Tensor } from "../../graph/tensor.ts";
import { transposed } from "../tensorflow-layout.ts";
import { convertedDims, sameOrder, toChannelsFirst, toChannelsLast } from "./layout.ts";
import { dequantised, isReal } from "./quantise.ts";
import type { TfliteTensor } from "./read.ts";

/** Name of the graph's input in every converted network. */
export const INPUT_NAME = "input";

/** See the head of this file. `source` names the network's file in errors. */
export class Conversion {
  readonly source: string;
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, Tensor>();
  /** How often a name was asked for. */
  readonly #taken = new Map<string, number>();
  /** Names by tensor index. */
  readonly #names = new Map<number, string>();
  /** Tensors that hold the same values as another one, by index. */
  readonly #same = new Map<number, TfliteTensor>();
  /** Names of constants by tensor and layout: weights are in the graph once, however often they are read. */
  readonly #placed = new Map<string, string>();
  readonly #computed = new Set<number>();
  #scope = "";
  #firstNode = 0;

  constructor(source: string) {
    this.source = source;
  }

  /** A name that no other tensor has: `wanted`, if need be with a number after it. */
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

  /** The tensor's name in the converted graph: its own, with a number after it where another has it too. */
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

  /** Declares that what is added next computes `tensor`; throws a data error where something else already does. */
  begin(tensor: TfliteTensor): void {
    if (this.#computed.has(tensor.index) || tensor.bytes) {
      throw dataError(
        `${this.source} is damaged (tensor "${tensor.name}" is computed twice): fetch or export it again.`,
      );
    }
    this.#scope = this.nameOf(tensor);
    this.#firstNode = this.nodes.length;
  }

  /** Makes `value` the tensor that {@link begin} declared: renames the node's output, or passes an older value on. */
  finish(tensor: TfliteTensor, value: string): void {
    const name = this.nameOf(tensor);
    const last = this.nodes[this.nodes.length - 1];
    if (this.nodes.length > this.#firstNode && last?.outputs[0] === value)
      this.nodes[this.nodes.length - 1] = { ...last, name, outputs: [name] };
    else this.nodes.push(node("Identity", [value], [name]));
    this.#computed.add(tensor.index);
  }

  /** Makes `tensor` another name for the constant `original`, if that is one; tells whether it is. */
  finishConstant(tensor: TfliteTensor, original: TfliteTensor): boolean {
    const constant = this.#same.get(original.index) ?? original;
    if (this.#computed.has(constant.index) || !isReal(constant)) return false;
    this.#same.set(tensor.index, constant);
    return true;
  }

  /** Adds a node and yields the name of its output. */
  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeLike>> = {}): string {
    const output = this.fresh(`${this.#scope}/${op}`);
    this.nodes.push(node(op, inputs, [output], attributes));
    return output;
  }

  /** The name of a constant scalar; equal scalars are one. */
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
   * The name of a constant's real values, seen as of `rank` dimensions (ones go before) and then reordered
   * (see {@link transposed}). Nothing where the tensor is no constant.
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

  /** The name under which a tensor can be read, in ONNX's layout. Throws a data error where nothing computes it. */
  read(tensor: TfliteTensor): string {
    if (this.#computed.has(tensor.index)) return this.nameOf(tensor);
    const name = this.place(tensor, tensor.dims.length === 4 ? toChannelsFirst : undefined);
    if (name !== undefined) return name;
    throw dataError(
      `${this.source}: the tensor "${tensor.name}" is read, but is neither computed before nor a constant of real numbers: fetch or export the model again.`,
    );
  }

  /** Whether the tensor is a constant. */
  isConstant(tensor: TfliteTensor): boolean {
    return !this.#computed.has(tensor.index) && isReal(this.#same.get(tensor.index) ?? tensor);
  }

  /** The tensor's value with its elements in the file's order (its dimensions may be permuted where that moves none). */
  readInFileOrder(tensor: TfliteTensor): string {
    const value = this.read(tensor);
    return sameOrder(tensor.dims) ? value : this.add("Transpose", [value], { perm: toChannelsLast });
  }

  /** `value`, whose elements are in the file's order, as `dims` of the file in ONNX's layout. The batch stays open. */
  shaped(value: string, dims: readonly number[]): string {
    const target = sameOrder(dims) ? convertedDims(dims) : dims;
    const open = this.integers("shape", [-1, ...target.slice(1)]);
    const reshaped = this.add("Reshape", [value, open]);
    return sameOrder(dims) ? reshaped : this.add("Transpose", [reshaped], { perm: toChannelsFirst });
  }
}
