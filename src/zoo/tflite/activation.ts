/** Adds the fused activation of an operation and the range of its quantised output, as one node. */
import type { Conversion } from "./conversion.ts";
import type { Result } from "./ops/rule.ts";
import { contains, intersection, type Range, rangeOf } from "./quantise.ts";
import type { Operation } from "./read.ts";

/** Codes of `ActivationFunctionType`. */
export const NONE = 0;
export const RELU = 1;
export const RELU_N1_TO_1 = 2;
export const RELU6 = 3;

const everything: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
const activationRanges: Readonly<Record<number, Range>> = {
  [NONE]: everything,
  [RELU]: { low: 0, high: Number.POSITIVE_INFINITY },
  [RELU_N1_TO_1]: { low: -1, high: 1 },
  [RELU6]: { low: 0, high: 6 },
};

/** The bounded result of an operation. The range of a quantised output *is* its activation. */
export function activated(operation: Operation, result: Result, graph: Conversion): string {
  const { value, activation = NONE, range = "clamped" } = result;
  const wanted = activationRanges[activation];
  if (!wanted)
    throw operation.error(`has the fused activation ${activation}, which Graft does not support: export it unfused`);
  const holds = range === "own" ? everything : rangeOf(operation.output);
  const bounds = intersection(wanted, holds);
  if (range === "kept" && readsWithin(operation, bounds)) return value;
  if (contains(bounds, everything)) return value;
  if (bounds.low === 0 && bounds.high === Number.POSITIVE_INFINITY) return graph.add("Relu", [value]);
  const limit = (of: number): string => (Number.isFinite(of) ? graph.scalar(of) : "");
  return graph.add("Clip", [value, limit(bounds.low), limit(bounds.high)]);
}

/** Whether all real inputs of an operation are known to be within `bounds`. */
const readsWithin = ({ inputs }: Operation, bounds: Range): boolean =>
  inputs.every((tensor) => !tensor || isIndex(tensor) || contains(bounds, rangeOf(tensor)));

/** Whether a tensor is a shape, axes or sizes, and not values of the network. */
const isIndex = ({ type, quantisation }: { type: string; quantisation?: unknown }): boolean =>
  (type === "int32" || type === "int64") && quantisation === undefined;
