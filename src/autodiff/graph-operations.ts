/**
 * The ONNX operations that gradients, losses and optimisers use, each with the shape of its output, and the arithmetic of static
 * shapes. All are in operator set 18 and mean the same in later ones.
 */
import { dataError } from "../base/errors.ts";
import { dataTypeOf } from "../onnx/codec/tensor-proto.ts";
import {
  type Attribute,
  float,
  float32Tensor,
  int64Tensor,
  rawTensor,
  type Tensor,
  type TensorType,
} from "../onnx/model.ts";
import { Builder, type Ref } from "./graph-builder.ts";

/** A float32 or float64 constant. Throws a GraftError (`data`) for another type. */
export function floatTensor(type: TensorType, dims: readonly number[], values: readonly number[]): Tensor {
  if (type === "float32") return float32Tensor(dims, values);
  if (type === "float64") return rawTensor("float64", dims, new Uint8Array(Float64Array.from(values).buffer));
  throw dataError(`Gradients are computed in float32, and the network computes in ${type}: convert it to float32.`);
}

/** A graph builder with one method per operation. */
export class Operations extends Builder {
  /** Whether the runtime has blocked convolutions (`hasBlockedConvolutions`). Default false: any build runs the graph. */
  blocked = false;

  /** A constant scalar in the type of `like`. */
  scalar(value: number, like: { readonly type: TensorType }): Ref {
    return this.constant(floatTensor(like.type, [], [value]), "scalar");
  }

  /** A constant list of integers, for axes and shapes. */
  ints(values: readonly number[]): Ref {
    return this.constant(int64Tensor([values.length], values), "ints");
  }

  /** A tensor of one repeated value. */
  filled(dims: readonly number[], value: number, type: TensorType = "float32"): Ref {
    if (product(dims) <= 64) return this.constant(floatTensor(type, dims, Array(product(dims)).fill(value)));
    const attribute: Attribute = { type: "tensor", value: floatTensor(type, [1], [value]) };
    return this.emit("ConstantOfShape", [this.ints(dims)], dims, { value: attribute }, type);
  }

  #binary(op: string, a: Ref, b: Ref | number, type?: TensorType): Ref {
    const other = typeof b === "number" ? this.scalar(b, a) : b;
    return this.emit(op, [a, other], broadcast(a.dims, other.dims), {}, type);
  }

  add = (a: Ref, b: Ref | number): Ref => this.#binary("Add", a, b);
  sub = (a: Ref, b: Ref | number): Ref => this.#binary("Sub", a, b);
  mul = (a: Ref, b: Ref | number): Ref => (b === 1 ? a : this.#binary("Mul", a, b));
  div = (a: Ref, b: Ref | number): Ref => (b === 1 ? a : this.#binary("Div", a, b));
  pow = (a: Ref, b: Ref | number): Ref => this.#binary("Pow", a, b);
  maximum = (a: Ref, b: Ref | number): Ref => this.#binary("Max", a, b);
  minimum = (a: Ref, b: Ref | number): Ref => this.#binary("Min", a, b);
  greater = (a: Ref, b: Ref | number): Ref => this.#binary("Greater", a, b, "bool");
  less = (a: Ref, b: Ref | number): Ref => this.#binary("Less", a, b, "bool");
  and = (a: Ref, b: Ref): Ref => this.#binary("And", a, b, "bool");
  equal = (a: Ref, b: Ref | number): Ref => this.#binary("Equal", a, b, "bool");

  /** An operation of one input that changes neither shape nor type (`Neg`, `Exp`, `Sqrt`, …). */
  unary = (op: string, x: Ref): Ref => this.emit(op, [x], x.dims);
  neg = (x: Ref): Ref => this.unary("Neg", x);
  square = (x: Ref): Ref => this.mul(x, x);
  /** 1 − x */
  oneMinus = (x: Ref): Ref => this.sub(this.scalar(1, x), x);
  cast = (x: Ref, type: TensorType): Ref =>
    x.type === type ? x : this.emit("Cast", [x], x.dims, { to: dataTypeOf[type] }, type);

  /** `yes` where the condition is true, else `no`. */
  where(condition: Ref, yes: Ref, no: Ref | number): Ref {
    const other = typeof no === "number" ? this.scalar(no, yes) : no;
    const dims = broadcast(broadcast(condition.dims, yes.dims), other.dims);
    return this.emit("Where", [condition, yes, other], dims, {}, yes.type);
  }

  /** 1 where x > 0, else 0, in the type of `x`. Faster than `Where`, which writes a second tensor. */
  positive = (x: Ref): Ref => this.cast(this.greater(x, 0), x.type);

  /** The sum of any number of tensors of one shape. */
  total(terms: readonly Ref[]): Ref {
    const [first, ...rest] = terms;
    if (!first) throw new RangeError("Nothing to add up.");
    if (rest.length === 0) return first;
    return rest.length === 1 ? this.add(first, rest[0]!) : this.emit("Sum", terms, first.dims);
  }

  /** A reduction over some axes; default all. */
  reduce(op: string, x: Ref, axes: readonly number[] = range(x.dims.length), keep = true): Ref {
    if (axes.length === 0) return x;
    const dims = keep ? keptDims(x.dims, axes) : droppedDims(x.dims, axes);
    return this.emit(op, [x, this.ints(axes)], dims, { keepdims: keep ? 1 : 0 });
  }

  sum = (x: Ref, axes?: readonly number[], keep = true): Ref => this.reduce("ReduceSum", x, axes, keep);
  mean = (x: Ref, axes?: readonly number[], keep = true): Ref => this.reduce("ReduceMean", x, axes, keep);

  /** Sums over the axes that broadcasting repeated, so that the result has shape `dims`. */
  sumTo(x: Ref, dims: readonly number[]): Ref {
    if (sameDims(x.dims, dims)) return x;
    return this.reshape(this.sum(x, broadcastAxes(dims, x.dims)), dims);
  }

  reshape(x: Ref, dims: readonly number[]): Ref {
    return sameDims(x.dims, dims) ? x : this.emit("Reshape", [x, this.ints(dims)], dims, { allowzero: 1 });
  }

  transpose(x: Ref, perm: readonly number[]): Ref {
    if (perm.every((axis, index) => axis === index)) return x;
    return this.emit(
      "Transpose",
      [x],
      perm.map((axis) => x.dims[axis]!),
      { perm },
    );
  }

  expand(x: Ref, dims: readonly number[]): Ref {
    return sameDims(x.dims, dims) ? x : this.emit("Expand", [x, this.ints(dims)], dims);
  }

  concat(parts: readonly Ref[], axis: number): Ref {
    const [first] = parts;
    if (!first) throw new RangeError("Nothing to concatenate.");
    if (parts.length === 1) return first;
    const size = parts.reduce((total, { dims }) => total + dims[axis]!, 0);
    return this.emit(
      "Concat",
      parts,
      first.dims.map((old, index) => (index === axis ? size : old)),
      { axis },
    );
  }

  /** `count` elements from `start` along each axis, `step` apart. */
  slice(x: Ref, axes: readonly number[], starts: readonly number[], counts: readonly number[], steps?: number[]): Ref {
    const step = steps ?? axes.map(() => 1);
    const whole = axes.every((axis, i) => starts[i] === 0 && counts[i] === x.dims[axis] && step[i] === 1);
    if (whole) return x;
    const dims = x.dims.map((size, axis) => (axes.includes(axis) ? counts[axes.indexOf(axis)]! : size));
    const ends = starts.map((start, i) => start + (counts[i]! - 1) * step[i]! + 1);
    const stepInput = step.every((size) => size === 1) ? undefined : this.ints(step);
    return this.emit("Slice", [x, this.ints(starts), this.ints(ends), this.ints(axes), stepInput], dims);
  }

  /** Elements along some axes in reverse order. */
  flip(x: Ref, axes: readonly number[]): Ref {
    const turned = axes.filter((axis) => x.dims[axis]! > 1);
    if (turned.length === 0) return x;
    const starts = turned.map((axis) => x.dims[axis]! - 1);
    // An end of −(size + 1) is before the first element; −1 would mean the last.
    const ends = turned.map((axis) => -x.dims[axis]! - 1);
    const steps = turned.map(() => -1);
    return this.emit("Slice", [x, ...[starts, ends, turned, steps].map((list) => this.ints(list))], x.dims);
  }

  /** Adds zeros before and after along each axis; negative amounts remove elements. */
  pad(x: Ref, before: readonly number[], after: readonly number[]): Ref {
    if ([...before, ...after].every((amount) => amount === 0)) return x;
    const dims = x.dims.map((size, axis) => size + before[axis]! + after[axis]!);
    return this.emit("Pad", [x, this.ints([...before, ...after])], dims);
  }

  /** Batched matrix product, both of rank ≥ 2, broadcast over leading axes. */
  matmul(a: Ref, b: Ref): Ref {
    const batch = broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2));
    return this.emit("MatMul", [a, b], [...batch, a.dims.at(-2)!, b.dims.at(-1)!]);
  }

  /** The product of two matrices, each optionally transposed without a copy. */
  gemm(a: Ref, b: Ref, { transA = false, transB = false } = {}): Ref {
    const dims = [a.dims[transA ? 1 : 0]!, b.dims[transB ? 0 : 1]!];
    return this.emit("Gemm", [a, b], dims, { transA: transA ? 1 : 0, transB: transB ? 1 : 0 });
  }

  /** The last two axes exchanged. */
  matrixTranspose(x: Ref): Ref {
    const rank = x.dims.length;
    return this.transpose(x, [...range(rank - 2), rank - 1, rank - 2]);
  }

  /** An operation of one input with floating-point attributes (`HardSigmoid`, `Elu`, …). */
  withFloats(op: string, x: Ref, attributes: Readonly<Record<string, number>>): Ref {
    const tagged = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, float(value)]));
    return this.emit(op, [x], x.dims, tagged);
  }
}

// Arithmetic of static shapes: broadcasting, axes, permutations. Does not touch graphs.

/** The shape of two tensors broadcast together, by NumPy's rule. Throws a RangeError if they do not fit. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`Shapes [${a}] and [${b}] do not broadcast.`);
    return x === 1 ? y : x;
  });
}

/** The axes of `wide` along which broadcasting repeats a tensor of shape `narrow`. */
export function broadcastAxes(narrow: readonly number[], wide: readonly number[]): number[] {
  const shift = wide.length - narrow.length;
  return range(wide.length).filter((axis) => axis < shift || (narrow[axis - shift] === 1 && wide[axis] !== 1));
}

/** Axes counted from the front, sorted; negative ones count from the back. */
export const normalAxes = (axes: readonly number[], rank: number): number[] =>
  axes.map((axis) => normalAxis(axis, rank)).sort((a, b) => a - b);

/** An axis counted from the front. */
export const normalAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** `dims` with the sizes along `axes` replaced by 1. */
export const keptDims = (dims: readonly number[], axes: readonly number[]): number[] =>
  dims.map((size, axis) => (axes.includes(axis) ? 1 : size));

/** `dims` without `axes`. */
export const droppedDims = (dims: readonly number[], axes: readonly number[]): number[] =>
  dims.filter((_, axis) => !axes.includes(axis));

/** `dims` with the size along one axis replaced. */
export const withSize = (dims: readonly number[], axis: number, size: number): number[] =>
  dims.map((old, index) => (index === axis ? size : old));

/** The permutation that undoes `perm`. */
export const inversePermutation = (perm: readonly number[]): number[] => range(perm.length).map((i) => perm.indexOf(i));

/** 0 … `count` − 1. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

export const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

/** The product of some sizes; 1 for none. */
export const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);

/** Every position of a grid, in row-major order. */
export function positions(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>((all, size) => all.flatMap((head) => range(size).map((i) => [...head, i])), [[]]);
}
