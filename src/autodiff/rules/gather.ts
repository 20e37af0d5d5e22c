/** Gradients of operators that pick elements by index: an element that is picked several times gets the sum of gradients. */

import { int64Tensor } from "../../graph/tensor.ts";
import type { Ref } from "../build/builder.ts";
import { normalAxis, product, range } from "../build/shape.ts";
import { by, type Rule, type RuleTable, type Site } from "../rule.ts";
import { unslice } from "./shape.ts";

/** Indices counted from the front, as scatter operators require. */
function fromTheFront(site: Site, indices: Ref, size: number): Ref {
  const { build } = site;
  const constant = site.constantIntegers(1);
  if (constant)
    return build.constant(
      int64Tensor(
        indices.dims,
        constant.map((index) => normalAxis(index, size)),
      ),
    );
  const wide = build.cast(indices, "int64");
  const zero = build.constant(int64Tensor([], [0]));
  const whole = build.constant(int64Tensor([], [size]));
  return build.where(build.less(wide, zero), build.add(wide, whole), wide);
}

/** The step of evenly spaced indices, such as 1 for 3, 4, 5; undefined if they are not evenly spaced. */
function evenStep(indices: readonly number[]): number | undefined {
  const step = (indices[1] ?? indices[0]! + 1) - indices[0]!;
  const even = indices.every((index, i) => index === indices[0]! + i * step);
  return even && step !== 0 ? step : undefined;
}

const gather: Rule = (site) => [
  () => {
    const { build } = site;
    const { dims, type } = site.input(0);
    const indices = site.input(1);
    const axis = normalAxis(site.int("axis", 0), dims.length);
    const [size, count] = [dims[axis]!, product(indices.dims)];
    const [before, after] = [dims.slice(0, axis), dims.slice(axis + 1)];
    const picked = build.reshape(site.gradient(), [...before, count, ...after]);
    const constant = site.constantIntegers(1)?.map((index) => normalAxis(index, size));
    const step = constant && evenStep(constant);
    // One index or evenly spaced indices are a slice, whose gradient is padding.
    if (step !== undefined) return unslice(build, picked, axis, size, constant![0]!, step);
    const front = [axis, ...range(dims.length).filter((other) => other !== axis)];
    const rows = build.reshape(build.transpose(picked, front), [count, product(before) * product(after)]);
    const zeros = build.filled([size, rows.dims[1]!], 0, type);
    const places = build.reshape(fromTheFront(site, indices, size), [count, 1]);
    const summed = build.emit("ScatterND", [zeros, places, rows], zeros.dims, { reduction: "add" });
    const back = build.reshape(summed, [size, ...before, ...after]);
    return build.transpose(back, [
      ...range(axis).map((i) => i + 1),
      0,
      ...range(after.length).map((i) => axis + 1 + i),
    ]);
  },
];

const gatherElements: Rule = (site) => [
  () => {
    const { build } = site;
    const { dims, type } = site.input(0);
    const axis = normalAxis(site.int("axis", 0), dims.length);
    const places = fromTheFront(site, site.input(1), dims[axis]!);
    const zeros = build.filled(dims, 0, type);
    return build.emit("ScatterElements", [zeros, places, site.gradient()], dims, { axis, reduction: "add" });
  },
];

const gatherNd: Rule = (site) => [
  () => {
    if (site.int("batch_dims", 0) !== 0) throw site.unsupported("batch_dims");
    const { dims, type } = site.input(0);
    const zeros = site.build.filled(dims, 0, type);
    return site.build.emit("ScatterND", [zeros, site.input(1), site.gradient()], dims, { reduction: "add" });
  },
];

export const gathering: RuleTable = {
  Gather: by(gather),
  GatherElements: by(gatherElements),
  GatherND: by(gatherNd, "`batch_dims` 0"),
};
