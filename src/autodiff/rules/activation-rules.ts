/**
 * Gradients of activation functions. They use the output instead of the input where possible: ONNX Runtime then fuses the forward
 * pass (Conv + Relu) and need not keep the input.
 */

import { by, type Rule, type RuleTable, type Site } from "../gradient-rule.ts";
import type { Ref } from "../graph-builder.ts";
import { sameDims } from "../graph-operations.ts";

/** gradient × slope; the slope is computed from the node's input and output. */
const slope =
  (of: (site: Site, x: Ref, y: Ref) => Ref): Rule =>
  (site) => [() => site.build.mul(site.gradient(), of(site, site.input(0), site.output()))];

/** `above` × gradient where x > 0, elsewhere gradient × slope. */
const aboveZero =
  (above: number, below: (site: Site, x: Ref, y: Ref) => Ref | number): Rule =>
  (site) => [
    () => {
      const { build } = site;
      const [x, dy] = [site.input(0), site.gradient()];
      const negative = build.mul(dy, below(site, x, site.output()));
      return build.where(build.greater(x, 0), build.mul(dy, above), negative);
    },
  ];

/**
 * The gradient is zero where a bound is reached, like in PyTorch's ReLU6.
 */
const clip: Rule = (site) => {
  const { build } = site;
  const [low, high] = [site.optional(1), site.optional(2)];
  return [
    () => {
      const y = site.output();
      const [above, below] = [low && build.greater(y, low), high && build.less(y, high)];
      // Combining booleans, of one byte each, is a fifth faster than a product of differences.
      const inside = above && below ? build.and(above, below) : (above ?? below);
      return inside ? build.mul(site.gradient(), build.cast(inside, y.type)) : site.gradient();
    },
  ];
};

const SELU = { alpha: 1.6732631921768188, gamma: 1.0507010221481323 };

/** x Φ(x), or its approximation with tanh (Hendrycks and Gimpel, arXiv 1606.08415, §2). */
const gelu: Rule = slope((site, x) => {
  const { build } = site;
  if (site.text("approximate", "none") === "tanh") {
    const [scale, cubic] = [Math.sqrt(2 / Math.PI), 0.044715];
    const squared = build.square(x);
    const inner = build.mul(build.mul(x, scale), build.add(build.mul(squared, cubic), 1));
    const tanh = build.unary("Tanh", inner);
    const innerSlope = build.mul(build.add(build.mul(squared, 3 * cubic), 1), scale);
    const tail = build.mul(build.mul(x, build.oneMinus(build.square(tanh))), innerSlope);
    return build.mul(build.add(build.add(tanh, tail), 1), 0.5);
  }
  const cumulative = build.mul(build.add(build.unary("Erf", build.mul(x, Math.SQRT1_2)), 1), 0.5);
  const density = build.mul(build.unary("Exp", build.mul(build.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return build.add(cumulative, build.mul(x, density));
});

/** x σ(a x): SiLU, Swish. */
const quickGelu: Rule = slope((site, x, y) => {
  const { build } = site;
  const alpha = site.float("alpha", 1.702);
  const sigmoid = build.unary("Sigmoid", build.mul(x, alpha));
  return build.add(sigmoid, build.mul(build.mul(y, build.oneMinus(sigmoid)), alpha));
});

/** x · clip(x/6 + 1/2, 0, 1): Howard et al., arXiv 1905.02244, §5.2. */
const hardSwish: Rule = slope((site, x) => {
  const { build } = site;
  const gate = build.withFloats("HardSigmoid", x, { alpha: 1 / 6, beta: 0.5 });
  const open = build.positive(build.mul(gate, build.oneMinus(gate)));
  return build.add(gate, build.mul(build.mul(x, 1 / 6), open));
});

/** x tanh(softplus(x)). */
const mish: Rule = slope((site, x) => {
  const { build } = site;
  const tanh = build.unary("Tanh", build.unary("Softplus", x));
  const rest = build.mul(build.mul(x, build.unary("Sigmoid", x)), build.oneMinus(build.square(tanh)));
  return build.add(tanh, rest);
});

const prelu: Rule = (site) => {
  const { build } = site;
  const [x, negativeSlope] = [site.input(0), site.input(1)];
  const aligned = sameDims(negativeSlope.dims, x.dims);
  if (!aligned && negativeSlope.dims.length > x.dims.length) throw site.unsupported("a slope of higher rank");
  return [
    () => build.where(build.greater(x, 0), site.gradient(), build.mul(site.gradient(), negativeSlope)),
    () => build.mul(site.gradient(), build.minimum(x, 0)),
  ];
};

/** y (dy − Σ y dy) along the axis. */
const softmax: Rule = (site) => [
  () => {
    const { build } = site;
    const [y, dy] = [site.output(), site.gradient()];
    return build.mul(y, build.sub(dy, build.sum(build.mul(y, dy), [site.int("axis", -1)])));
  },
];

/** dy − softmax · Σ dy along the axis. */
const logSoftmax: Rule = (site) => [
  () => {
    const { build } = site;
    const dy = site.gradient();
    return build.sub(dy, build.mul(build.unary("Exp", site.output()), build.sum(dy, [site.int("axis", -1)])));
  },
];

export const activation: RuleTable = {
  Relu: by(slope((site, _, y) => site.build.positive(y))),
  LeakyRelu: by(aboveZero(1, (site) => site.float("alpha", 0.01))),
  PRelu: by(prelu),
  ThresholdedRelu: by(slope((site, x) => site.build.positive(site.build.sub(x, site.float("alpha", 1))))),
  Elu: by(aboveZero(1, (site, _, y) => site.build.add(y, site.float("alpha", 1)))),
  Selu: by((site) => {
    const [alpha, gamma] = [site.float("alpha", SELU.alpha), site.float("gamma", SELU.gamma)];
    return aboveZero(gamma, ({ build }, _, y) => build.add(y, alpha * gamma))(site);
  }),
  Celu: by((site) => {
    const alpha = site.float("alpha", 1);
    return aboveZero(1, ({ build }, x) => build.unary("Exp", build.mul(x, 1 / alpha)))(site);
  }),
  Clip: by(clip, "towards the data, not towards the bounds"),
  Sigmoid: by(slope(({ build }, _, y) => build.mul(y, build.oneMinus(y)))),
  HardSigmoid: by(
    slope((site, _, y) => {
      const { build } = site;
      return build.mul(build.positive(build.mul(y, build.oneMinus(y))), site.float("alpha", 0.2));
    }),
  ),
  HardSwish: by(hardSwish),
  Mish: by(mish),
  Tanh: by(slope(({ build }, _, y) => build.oneMinus(build.square(y)))),
  Softplus: by(slope(({ build }, x) => build.unary("Sigmoid", x))),
  Softsign: by(slope(({ build }, x) => build.square(build.unary("Reciprocal", build.add(build.unary("Abs", x), 1))))),
  Gelu: by(gelu),
  "com.microsoft.Gelu": by(gelu),
  "com.microsoft.QuickGelu": by(quickGelu),
  Softmax: by(softmax),
  LogSoftmax: by(logSoftmax),
};
