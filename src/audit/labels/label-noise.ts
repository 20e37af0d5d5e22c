/**
 * Estimates how many labels of a dataset are wrong, and the probability of each being wrong. A hard image and a wrong label look the same:
 * the network finds both labels improbable. Their numbers differ. Calibrated probabilities predict how often a correct label is that
 * improbable: of images whose label has 1%, one in a hundred of all that could have had it. Only what exceeds that is noise. So the labels
 * are modelled as a mixture: with probability 1 − ε a label follows the class probabilities p(class | image), and with probability ε it is
 * drawn at random by the classes' shares f:
 *
 *     P(label | image) = (1 − ε)·p(label | image) + ε·f(label),   p = softmax(Σ_j w_j · scores_j)
 *
 * The weights w_j of the scorers are a calibration (temperature scaling with a lapse rate), fitted for each ε by maximum likelihood with a
 * weak prior; ε is 0 with a prior probability of one half. No point estimate is plugged in: results are averaged over the posterior of ε.
 * Sources: Northcutt, Jiang and Chuang, "Confident learning", JAIR 2021 (labels of noise that depends on the class, cross-fitted
 * probabilities); Guo et al., arXiv 1706.04599 (temperature); Wichmann and Hill, "The psychometric function" (2001), for the lapse rate.
 */
import type { Random } from "../../base/random.ts";

/** One source of evidence: scores `[N, C]` in nats, up to a factor that is fitted, from a model that did not see the label. */
export interface LabelScorer {
  /** Such as `a head on resnet50`. */
  readonly name: string;
  readonly scores: Float32Array;
}

/** The estimated noise in a dataset's labels. */
export interface Noise {
  /** The expected share of wrong labels, and its 95% interval. */
  readonly rate: number;
  readonly interval: readonly [low: number, high: number];
  /** Possible noise rates with their posterior probabilities; negligible ones are left out. */
  readonly states: readonly NoiseState[];
  /** `[C]`: the share of each class among the labels. */
  readonly shares: Float64Array;
}

export interface NoiseState {
  readonly epsilon: number;
  /** The posterior probability of this ε; they sum to 1. */
  readonly belief: number;
  /** One weight per scorer. */
  readonly weights: Float64Array;
  /** The share of images that are confidently misclassified for other reasons than their label: see {@link LAPSES}. */
  readonly lapse: number;
}

/** The values of ε that are tried; 0 has half of the prior. */
const EPSILONS = [
  0, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2,
  0.25, 0.3, 0.4,
];
/** States less probable than this are left out. */
const LEAST_BELIEF = 1e-3;
/**
 * Networks are confidently wrong a little more often than calibrated probabilities predict: no temperature accounts for single outliers.
 * This share of the network's expected errors counts as such: `npm run bench -- audit --part planted`, the untouched sets.
 */
const LAPSES = 0.01;
/** Maximum images times classes of the fit; beyond, a random sample of images suffices for a handful of numbers. */
const MOST_CELLS = 4_000_000;
const MOST_STEPS = 25;
/** The fit stops at a step that gains less than this many nats in total. */
const LEAST_GAIN = 1e-3;
/** Nats below the best ε at which the search stops: greater values could add less than {@link LEAST_BELIEF}. */
const BEYOND = 15;
/** The deviation of the weak prior on the logarithm of each weight. */
const WEIGHT_DEVIATION = 1.5;

/**
 * Estimates the noise.
 *
 * @param labels `[N]`
 * @param counts `[N]`: the weight of each image; copies of one another share 1
 */
export function estimateNoise(
  scorers: readonly LabelScorer[],
  labels: Int32Array,
  classes: number,
  counts: Float64Array,
  random: Random,
): Noise {
  const shares = classShares(labels, classes);
  const rows = sampleOf(labels.length, Math.max(1, Math.floor(MOST_CELLS / classes)), random);
  const fit: Fit = { scorers, labels, classes, counts, shares, rows };
  const weight = labels.length / rows.length;
  let logWeights: Float64Array = new Float64Array(scorers.length).fill(-Math.log(scorers.length));
  const fitted: { readonly epsilon: number; readonly logLikelihood: number; readonly weights: Float64Array }[] = [];
  let highest = Number.NEGATIVE_INFINITY;
  for (const epsilon of EPSILONS) {
    const { value, at } = maximise(fit, epsilon, logWeights);
    logWeights = at;
    fitted.push({ epsilon, logLikelihood: value * weight, weights: at.map(Math.exp) });
    highest = Math.max(highest, value * weight);
    if (value * weight < highest - BEYOND) break;
  }
  const slab = 0.5 / (EPSILONS.length - 1);
  const logs = fitted.map(({ epsilon, logLikelihood }) => logLikelihood + Math.log(epsilon === 0 ? 0.5 : slab));
  const top = Math.max(...logs);
  const beliefs = normalised(logs.map((log) => Math.exp(log - top)));
  const kept = fitted.flatMap((one, i) => (beliefs[i]! >= LEAST_BELIEF ? [{ ...one, belief: beliefs[i]! }] : []));
  const total = kept.reduce((sum, { belief }) => sum + belief, 0);
  const states = kept.map(({ epsilon, belief, weights }) => ({
    epsilon,
    weights,
    belief: belief / total,
    lapse: LAPSES * expectedError(fit, weights),
  }));
  // A label drawn at random is correct as often as two draws agree.
  const wrong = 1 - shares.reduce((sum, share) => sum + share * share, 0);
  const rateAt = (share: number): number => quantileOf(states, share) * wrong;
  return {
    rate: states.reduce((sum, { belief, epsilon }) => sum + belief * epsilon, 0) * wrong,
    interval: [rateAt(0.025), rateAt(0.975)],
    states,
    shares,
  };
}

/**
 * The class probabilities of one image in one state.
 *
 * @param into `[C]`, which is filled
 */
export function classProbabilities(
  { weights, lapse }: NoiseState,
  scorers: readonly LabelScorer[],
  shares: Float64Array,
  row: number,
  into: Float64Array,
): void {
  softmaxOf(scorers, weights, row, into);
  for (let c = 0; c < into.length; c++) into[c] = (1 - lapse) * into[c]! + lapse * shares[c]!;
}

/** The probability that a label with the class probability `own` is wrong: drawn at random, and not correct by chance. */
export const wrongProbability = (epsilon: number, share: number, own: number): number =>
  (epsilon * share * (1 - own)) / Math.max((1 - epsilon) * own + epsilon * share, Number.MIN_VALUE);

interface Fit {
  readonly scorers: readonly LabelScorer[];
  readonly labels: Int32Array;
  readonly classes: number;
  readonly counts: Float64Array;
  readonly shares: Float64Array;
  readonly rows: readonly number[];
}

/** The share of each class among the labels, smoothed so that none is 0. */
function classShares(labels: Int32Array, classes: number): Float64Array {
  const shares = new Float64Array(classes).fill(1);
  for (const label of labels) shares[label] = shares[label]! + 1;
  return shares.map((count) => count / (labels.length + classes));
}

function sampleOf(count: number, most: number, random: Random): number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  return count <= most ? all : random.shuffle(all).slice(0, most);
}

/** The logarithms of the weights with the greatest penalised likelihood: Gauss–Newton steps, halved until they gain. */
function maximise(fit: Fit, epsilon: number, start: Float64Array): { value: number; at: Float64Array } {
  let at = start;
  let here = likelihood(fit, epsilon, at);
  for (let step = 0; step < MOST_STEPS; step++) {
    const move = solve(here.curvature, here.slope);
    let [next, there] = [at, here];
    for (let scale = 1; scale > 1e-3; scale /= 2) {
      next = at.map((value, j) => Math.max(-12, Math.min(6, value + scale * move[j]!)));
      there = likelihood(fit, epsilon, next);
      if (there.value > here.value) break;
    }
    const gain = there.value - here.value;
    if (!(gain > 0)) break;
    [at, here] = [next, there];
    if (gain < LEAST_GAIN) break;
  }
  return { value: here.value, at };
}

interface Likelihood {
  readonly value: number;
  /** The gradient with respect to the logarithm of each weight. */
  readonly slope: Float64Array;
  /** The curvature of the complete-data likelihood (as if the random labels were known), which is positive definite. */
  readonly curvature: Float64Array[];
}

function likelihood(fit: Fit, epsilon: number, logWeights: Float64Array): Likelihood {
  const { scorers, labels, classes, counts, shares, rows } = fit;
  const size = scorers.length;
  const weights = logWeights.map(Math.exp);
  const p = new Float64Array(classes);
  const slope = new Float64Array(size);
  const curvature = Array.from({ length: size }, () => new Float64Array(size));
  const mean = new Float64Array(size);
  let value = 0;
  for (const row of rows) {
    softmaxOf(scorers, weights, row, p);
    const label = labels[row]!;
    const count = counts[row]!;
    const clean = (1 - epsilon) * p[label]!;
    const all = Math.max(clean + epsilon * shares[label]!, Number.MIN_VALUE);
    value += count * Math.log(all);
    const part = (count * clean) / all;
    if (part === 0) continue;
    for (let j = 0; j < size; j++) {
      const { scores } = scorers[j]!;
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += p[c]! * scores[row * classes + c]!;
      mean[j] = sum;
      slope[j] = slope[j]! + part * weights[j]! * (scores[row * classes + label]! - sum);
    }
    for (let j = 0; j < size; j++)
      for (let k = 0; k <= j; k++) {
        const [a, b] = [scorers[j]!.scores, scorers[k]!.scores];
        let sum = 0;
        for (let c = 0; c < classes; c++) sum += p[c]! * a[row * classes + c]! * b[row * classes + c]!;
        const spread = part * weights[j]! * weights[k]! * (sum - mean[j]! * mean[k]!);
        curvature[j]![k] = curvature[j]![k]! + spread;
      }
  }
  const precision = WEIGHT_DEVIATION ** -2;
  for (let j = 0; j < size; j++) {
    value -= (precision / 2) * logWeights[j]! ** 2;
    slope[j] = slope[j]! - precision * logWeights[j]!;
    curvature[j]![j] = curvature[j]![j]! + precision;
    for (let k = 0; k < j; k++) curvature[k]![j] = curvature[j]![k]!;
  }
  return { value, slope, curvature };
}

function softmaxOf(scorers: readonly LabelScorer[], weights: Float64Array, row: number, into: Float64Array): void {
  const classes = into.length;
  into.fill(0);
  for (let j = 0; j < scorers.length; j++) {
    const { scores } = scorers[j]!;
    const weight = weights[j]!;
    for (let c = 0; c < classes; c++) into[c] = into[c]! + weight * scores[row * classes + c]!;
  }
  let top = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) top = Math.max(top, into[c]!);
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    const value = Math.exp(into[c]! - top);
    into[c] = value;
    sum += value;
  }
  for (let c = 0; c < classes; c++) into[c] = into[c]! / sum;
}

/** The expected error rate of the most probable class, by the probabilities themselves. */
function expectedError({ scorers, classes, rows }: Fit, weights: Float64Array): number {
  const p = new Float64Array(classes);
  let sum = 0;
  for (const row of rows) {
    softmaxOf(scorers, weights, row, p);
    let top = 0;
    for (let c = 0; c < classes; c++) top = Math.max(top, p[c]!);
    sum += 1 - top;
  }
  return sum / rows.length;
}

/** Solves a small symmetric positive definite system by Cholesky's decomposition. */
function solve(matrix: readonly Float64Array[], right: Float64Array): Float64Array {
  const size = right.length;
  const lower = matrix.map(() => new Float64Array(size));
  const x = right.slice();
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i]![j]!;
      for (let k = 0; k < j; k++) sum -= lower[i]![k]! * lower[j]![k]!;
      lower[i]![j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / lower[j]![j]!;
    }
  }
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i] = x[i]! - lower[i]![k]! * x[k]!;
    x[i] = x[i]! / lower[i]![i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] = x[i]! - lower[k]![i]! * x[k]!;
    x[i] = x[i]! / lower[i]![i]!;
  }
  return x;
}

const normalised = (values: readonly number[]): number[] => {
  const total = values.reduce((sum, value) => sum + value, 0);
  return values.map((value) => value / total);
};

/** The quantile of ε. */
function quantileOf(states: readonly NoiseState[], share: number): number {
  let sum = 0;
  for (const { belief, epsilon } of states) {
    sum += belief;
    if (sum >= share) return epsilon;
  }
  return states.at(-1)!.epsilon;
}
