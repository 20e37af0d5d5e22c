/**
 * Gradients of normalisations. All compute x̂ = (x − μ) / √(σ² + ε), scaled and shifted. They differ in the axes of μ and σ², and in
 * whether these are statistics of the batch or constants.
 *
 * Source: Ioffe and Szegedy, "Batch Normalization" (arXiv 1502.03167), §3; Ba et al., "Layer Normalization" (1607.06450).
 */

import { by, type Rule, type RuleTable } from "../gradient-rule.ts";
import type { Ref } from "../graph-builder.ts";
import type { Operations } from "../graph-operations.ts";
import { normalAxis, range, withSize } from "../graph-operations.ts";

/** A per-channel vector [C], to broadcast against [N, C, ...]. */
const perChannel = (build: Operations, vector: Ref, x: Ref): Ref =>
  build.reshape(vector, withSize(Array(x.dims.length).fill(1), 1, vector.dims[0]!));

const allButChannels = (x: Ref): number[] => range(x.dims.length).filter((axis) => axis !== 1);

const inverseDeviation = (build: Operations, variance: Ref, epsilon: number): Ref =>
  build.unary("Reciprocal", build.unary("Sqrt", build.add(variance, epsilon)));

/** A tensor normalised over some axes by its own mean and (biased) variance. */
interface Normalised {
  /** x̂, in the shape of x. */
  readonly hat: Ref;
  /** 1 / √(σ² + ε), with the axes kept at size 1. */
  readonly inverse: Ref;
  readonly axes: readonly number[];
}

function normalised(build: Operations, x: Ref, axes: readonly number[], epsilon: number): Normalised {
  const centred = build.sub(x, build.mean(x, axes));
  const inverse = inverseDeviation(build, build.mean(build.square(centred), axes), epsilon);
  return { hat: build.mul(centred, inverse), inverse, axes };
}

/** From the gradient `g` of x̂ to the gradient of x: (g − mean(g) − x̂ mean(g x̂)) / √(σ² + ε). */
function throughNormalisation(build: Operations, g: Ref, { hat, inverse, axes }: Normalised): Ref {
  const parallel = build.mul(hat, build.mean(build.mul(g, hat), axes));
  return build.mul(build.sub(build.sub(g, build.mean(g, axes)), parallel), inverse);
}

/** Inputs x, scale, bias, mean, variance. With `training_mode`, mean and variance are statistics of the batch. */
const batchNormalization: Rule = (site) => {
  const { build } = site;
  const x = site.input(0);
  const channels = (vector: Ref): Ref => perChannel(build, vector, x);
  const epsilon = site.float("epsilon", 1e-5);
  const summed = (terms: Ref): Ref => build.sum(terms, allButChannels(x), false);
  const own = site.int("training_mode", 0) === 1;
  if (own && (site.matters(1) || site.matters(2))) throw site.unsupported("a loss on running statistics");
  const batch = (): Normalised => normalised(build, x, allButChannels(x), epsilon);
  const inverse = (): Ref => inverseDeviation(build, site.input(4), epsilon);
  const hat = (): Ref => (own ? batch().hat : build.mul(build.sub(x, channels(site.input(3))), channels(inverse())));
  const scaleGradient = (): Ref => summed(build.mul(site.gradient(), hat()));
  return [
    () => {
      const dy = site.gradient();
      if (!own) return build.mul(dy, channels(build.mul(site.input(1), inverse())));
      return throughNormalisation(build, build.mul(dy, channels(site.input(1))), batch());
    },
    scaleGradient,
    () => summed(site.gradient()),
  ];
};

/** Over `axis` and all that follow; scale and bias broadcast to them. */
const layerNormalization: Rule = (site) => {
  const { build } = site;
  const x = site.input(0);
  const axes = range(x.dims.length).slice(normalAxis(site.int("axis", -1), x.dims.length));
  const own = (): Normalised => normalised(build, x, axes, site.float("epsilon", 1e-5));
  return [
    () => throughNormalisation(build, build.mul(site.gradient(), site.input(1)), own()),
    () => build.mul(site.gradient(), own().hat),
    () => site.gradient(),
  ];
};

/** Over each channel of each example. */
const instanceNormalization: Rule = (site) => {
  const { build } = site;
  const x = site.input(0);
  const own = (): Normalised => normalised(build, x, range(x.dims.length).slice(2), site.float("epsilon", 1e-5));
  return [
    () => throughNormalisation(build, build.mul(site.gradient(), perChannel(build, site.input(1), x)), own()),
    () => build.sum(build.mul(site.gradient(), own().hat), allButChannels(x), false),
    () => build.sum(site.gradient(), allButChannels(x), false),
  ];
};

/** Over groups of channels; scale and bias are per channel since operator set 21, per group before. */
const groupNormalization: Rule = (site) => {
  const { build } = site;
  const x = site.input(0);
  const [batch, channels, ...sizes] = x.dims as [number, number, ...number[]];
  const groups = site.int("num_groups", 1);
  const apart = [batch, groups, channels / groups, ...sizes];
  const scaleShape = site.input(1).dims[0] === channels ? [groups, channels / groups] : [groups, 1];
  const scale = (): Ref => build.reshape(site.input(1), [1, ...scaleShape, ...sizes.map(() => 1)]);
  const dy = (): Ref => build.reshape(site.gradient(), apart);
  const own = (): Normalised =>
    normalised(build, build.reshape(x, apart), range(apart.length).slice(2), site.float("epsilon", 1e-5));
  const perScale = (terms: Ref): Ref =>
    build.reshape(build.sumTo(terms, [1, ...scaleShape, ...sizes.map(() => 1)]), site.input(1).dims);
  return [
    () => build.reshape(throughNormalisation(build, build.mul(dy(), scale()), own()), x.dims),
    () => perScale(build.mul(dy(), own().hat)),
    () => perScale(dy()),
  ];
};

/** x / (Σ |x|ᵖ)^(1/p) along an axis. */
const lpNormalization: Rule = (site) => [
  () => {
    const { build } = site;
    if (site.int("p", 2) !== 2) throw site.unsupported("p = 1");
    const [x, y, dy] = [site.input(0), site.output(), site.gradient()];
    const axes = [normalAxis(site.int("axis", -1), x.dims.length)];
    const norm = build.reduce("ReduceL2", x, axes);
    return build.div(build.sub(dy, build.mul(y, build.sum(build.mul(y, dy), axes))), norm);
  },
];

export const normalise: RuleTable = {
  BatchNormalization: by(batchNormalization, "towards data, scale and bias"),
  LayerNormalization: by(layerNormalization, "a loss on the first output"),
  InstanceNormalization: by(instanceNormalization),
  GroupNormalization: by(groupNormalization),
  LpNormalization: by(lpNormalization, "`p` 2"),
};
