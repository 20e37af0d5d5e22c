/** Gradients of reductions: distributes the gradient of the result over the reduced elements. */
import type { Ref } from "../build/builder.ts";
import { keptDims, normalAxes, product, range } from "../build/shape.ts";
import { by, type Differentiation, type Site } from "../rule.ts";

/** The axes that a node reduces, in any operator set. */
function reducedAxes(site: Site): number[] {
  const rank = site.input(0).dims.length;
  const axes = site.ints("axes") ?? site.integers(1) ?? [];
  if (axes.length > 0) return normalAxes(axes, rank);
  return site.int("noop_with_empty_axes", 0) === 1 ? [] : range(rank);
}

/** The inputs of a reduction's gradient: tensors that broadcast against each other. */
interface Reduction {
  readonly site: Site;
  /** The input. */
  readonly x: Ref;
  /** The output's gradient, with the reduced axes kept. */
  readonly dy: Ref;
  /** The output, with the reduced axes kept; only gradients that need it call this. */
  readonly y: () => Ref;
  readonly axes: readonly number[];
  /** How many elements are reduced to one. */
  readonly count: number;
}

const reduction = (gradient: (of: Reduction) => Ref): Differentiation =>
  by((site) => [
    () => {
      const { build } = site;
      const x = site.input(0);
      const axes = reducedAxes(site);
      const kept = keptDims(x.dims, axes);
      const of: Reduction = {
        site,
        x,
        y: () => build.reshape(site.output(), kept),
        dy: build.reshape(site.gradient(), kept),
        axes,
        count: product(axes.map((axis) => x.dims[axis]!)),
      };
      return build.expand(gradient(of), x.dims);
    },
  ]);

/** The extreme elements share the gradient, as in PyTorch's `amax`. */
export const sharedExtreme = ({ site: { build }, x, y, dy, axes }: Omit<Reduction, "count">): Ref => {
  const mask = build.cast(build.equal(x, y()), x.type);
  return build.mul(mask, build.div(dy, build.sum(mask, axes)));
};

export const reduce = {
  ReduceSum: reduction(({ dy }) => dy),
  ReduceMean: reduction(({ site, dy, count }) => site.build.mul(dy, 1 / count)),
  ReduceMax: reduction(sharedExtreme),
  ReduceMin: reduction(sharedExtreme),
  ReduceSumSquare: reduction(({ site: { build }, x, dy }) => build.mul(x, build.mul(dy, 2))),
  ReduceL1: reduction(({ site: { build }, x, dy }) => build.mul(build.unary("Sign", x), dy)),
  // The norm is not differentiable at zero; the gradient is 0 there, as in PyTorch.
  ReduceL2: reduction(({ site: { build }, x, y, dy }) => {
    const nonZero = build.where(build.greater(y(), 0), y(), 1);
    return build.mul(x, build.div(dy, nonZero));
  }),
  ReduceLogSum: reduction(({ site: { build }, y, dy }) => build.div(dy, build.unary("Exp", y()))),
  ReduceLogSumExp: reduction(({ site: { build }, x, y, dy }) => build.mul(build.unary("Exp", build.sub(x, y())), dy)),
};
