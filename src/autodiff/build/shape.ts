/** Arithmetic of static shapes: broadcasting, axes, permutations. Does not touch graphs. */

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
