/**
 * Fits the head: multinomial logistic regression on standardised features, its L2 penalty chosen by stratified cross-validation. The grid has
 * decades, and half decades around the best of them. The optimisation is in fit-together.ts and lbfgs.ts.
 */

import { type Random, randomFor } from "../../base/random.ts";
import { type Groups, mostFolds, stratifiedFolds } from "../../data/dataset/split.ts";
import { logLosses, missShare, scoreLogits } from "../../metrics/logits.ts";
import type { Head } from "../../model/artifact-graph.ts";
import { type FeatureTable, measureColumns, type Standardisation, standardised } from "../features/feature-table.ts";
import { crossValidatedLogits, type FitListeners, minimiseTogether } from "./fit-together.ts";
import type { Minimiser, MinimiserOptions } from "./lbfgs.ts";
import { openSoftmaxLoss, weightsOfClasses } from "./softmax-loss.ts";

/** The cross-validation results of one L2 strength. */
export interface StrengthResult {
  /** The penalty λ in mean cross-entropy + λ/2·‖W‖² on standardised features. */
  readonly l2: number;
  readonly accuracy: number;
  readonly logLoss: number;
}

export interface HeadFit {
  readonly head: Head;
  readonly l2: number;
  readonly folds: number;
  /** Every tried strength, the strongest penalty last. */
  readonly tried: readonly StrengthResult[];
  /** `[rows, classes]`: each example's logits at the chosen strength, by the fit that excluded its fold. */
  readonly outOfFoldLogits: Float32Array;
  /** `[rows]`: the fold of each example. */
  readonly foldOf: Int32Array;
  /** Fits that ended at the iteration limit; their weights are usable, but less exact. */
  readonly unfinished: number;
}

export interface HeadOptions extends FitListeners {
  /** The penalties to choose from. Default: {@link STRENGTHS}, and half a decade on either side of the best of them. */
  readonly strengths?: readonly number[] | undefined;
  /** Starts a search by half decades at this penalty instead of trying a grid: the best one for other features of the same examples. */
  readonly near?: number | undefined;
  /** `[rows]`: examples of one group are in one fold. Default: each example is its own group. */
  readonly groups?: Groups | undefined;
  /** Number of folds, at most the groups of the rarest class. Default 5. */
  readonly folds?: number | undefined;
  /** `[rows]`: the fold of each example, from another fit of the same examples. Default: drawn at random. */
  readonly foldOf?: Int32Array | undefined;
  /** `balanced`: each class has the same weight, however rare. Default `none`: each example has. */
  readonly classWeights?: "none" | "balanced" | undefined;
  /**
   * How far columns share their deviations when features are standardised, in rows: see {@link measureColumns}. Default: 100 with fewer than 100
   * examples per class, otherwise 0.
   */
  readonly pooling?: number | undefined;
}

/** With fewer examples per class, columns share their deviations: `npm run bench -- shots`. */
const FEW_A_CLASS = 100;
const POOLING = 100;

/** The final head is fitted more exactly than those that only choose its strength: to 3e-4 in probability. */
const FINAL: MinimiserOptions = { valueTolerance: 1e-7, gradientTolerance: 1e-5 };

/** The number of folds, if there are enough groups. */
const FOLDS = 5;

/** The grid of penalties on the mean loss. */
export const STRENGTHS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100];

/**
 * Fits a head on `table` `[rows, features]`.
 *
 * @param labels the class of each row, at least two rows per class
 */
export async function fitHead(
  table: FeatureTable,
  labels: Int32Array,
  classes: number,
  random: Random,
  options: HeadOptions = {},
): Promise<HeadFit> {
  const counts = countLabels(labels, classes);
  const foldOf =
    options.foldOf ??
    stratifiedFolds(
      labels,
      Math.min(options.folds ?? FOLDS, ...counts, mostFolds(labels, options.groups)),
      random,
      options.groups,
    );
  const folds = 1 + foldOf.reduce((last, fold) => Math.max(last, fold), 0);
  const classWeight =
    options.classWeights === "balanced" ? balancedWeights(labels, classes) : new Array<number>(classes).fill(1);
  const scale = measureColumns(table, options.pooling ?? (table.rows < FEW_A_CLASS * classes ? POOLING : 0));
  const features = standardised(table, scale);
  const loss = await openSoftmaxLoss(features, labels, classes);
  try {
    const size = (classes - 1) * features.columns;
    const weighting = { labels, foldOf, classWeight };
    const attempt: AttemptStrengths = async (strengths, startOf, listeners) => {
      if (strengths.length === 0) return [];
      const jobs = strengths.flatMap((l2) => Array.from({ length: folds }, (_, fold) => ({ l2, heldOut: fold })));
      const starts = jobs.map(({ l2, heldOut }) => startOf(strengths.indexOf(l2), heldOut));
      const fits = await minimiseTogether(loss, features.columns, jobs, starts, weighting, listeners);
      const outOfFold = await crossValidatedLogits(loss, fits, strengths.length, folds, foldOf, classes);
      return strengths.map((l2, s) => ({
        l2,
        fits: fits.slice(s * folds, (s + 1) * folds),
        outOfFold: outOfFold[s]!,
        loss: smoothedLoss(outOfFold[s]!, labels, classes),
      }));
    };

    const nothing = new Float32Array(size);
    const all =
      options.near === undefined
        ? await overGrid(attempt, nothing, options)
        : await searchFrom(attempt, nothing, options.near, options);
    // Ties go to the weaker penalty.
    const chosen = best(all);
    const { l2 } = chosen;

    const start = meanOf(chosen.fits.map(({ point }) => point));
    const [final] = await minimiseTogether(
      loss,
      features.columns,
      [{ l2, heldOut: -1 }],
      [start],
      weighting,
      { signal: options.signal },
      FINAL,
    );
    const fits = [...all.flatMap((one) => one.fits), final!];
    return {
      head: onRawFeatures(weightsOfClasses(final!.point, classes), scale),
      l2,
      folds,
      tried: all.map((one) => ({ l2: one.l2, ...scoreLogits(one.outOfFold, labels, classes) })),
      outOfFoldLogits: chosen.outOfFold,
      foldOf,
      unfinished: fits.filter(({ outcome }) => outcome === "iteration-limit").length,
    };
  } finally {
    await loss.close();
  }
}

/** The fits of one strength, each on all folds except one. */
interface Attempt {
  readonly l2: number;
  /** `[folds]` */
  readonly fits: readonly Minimiser[];
  /** `[rows, classes]` */
  readonly outOfFold: Float32Array;
  readonly loss: number;
}

/** Fits every fold at some strengths, each from its own starting point. */
type AttemptStrengths = (
  strengths: readonly number[],
  startOf: (strength: number, fold: number) => Float32Array,
  listeners: FitListeners,
) => Promise<Attempt[]>;

/** Tries the strengths of a grid and, without given strengths, half a decade on either side of the best. In ascending order. */
async function overGrid(
  attempt: AttemptStrengths,
  nothing: Float32Array,
  { strengths, onRound, signal }: HeadOptions,
): Promise<Attempt[]> {
  const grid = await attempt(strengths ?? STRENGTHS, () => nothing, { onRound, signal });
  const pairs = strengths ? [] : pairsAround(grid);
  const between = await attempt(
    pairs.map(([a, b]) => Math.sqrt(a.l2 * b.l2)),
    (pair, fold) => meanOf(pairs[pair]!.map(({ fits }) => fits[fold]!.point)),
    { signal },
  );
  return [...grid, ...between].sort((a, b) => a.l2 - b.l2);
}

const HALF_DECADE = Math.sqrt(10);

/**
 * Tries a strength and half a decade on either side, then continues where the loss falls until it rises or the grid ends. In ascending
 * order.
 */
async function searchFrom(
  attempt: AttemptStrengths,
  nothing: Float32Array,
  near: number,
  { onRound, signal }: HeadOptions,
): Promise<Attempt[]> {
  // Slightly beyond the grid's ends, because half decades do not meet them exactly.
  const [least, most] = [STRENGTHS[0]! / 1.01, STRENGTHS.at(-1)! * 1.01];
  let all = await attempt([near / HALF_DECADE, near, near * HALF_DECADE], () => nothing, { onRound, signal });
  for (;;) {
    const found = best(all);
    const isFirst = found === all[0];
    const next = isFirst ? found.l2 / HALF_DECADE : found.l2 * HALF_DECADE;
    if ((!isFirst && found !== all.at(-1)) || next < least || next > most) return all;
    const further = await attempt([next], (_, fold) => found.fits[fold]!.point, { signal });
    all = isFirst ? [...further, ...all] : [...all, ...further];
  }
}

const best = (attempts: readonly Attempt[]): Attempt => attempts.reduce((a, b) => (b.loss < a.loss ? b : a));

/** The best attempt paired with its neighbour on either side: a strength between them is worth trying. */
function pairsAround(attempts: readonly Attempt[]): (readonly [Attempt, Attempt])[] {
  const at = attempts.indexOf(best(attempts));
  return [at - 1, at].flatMap((first) => {
    const [a, b] = [attempts[first], attempts[first + 1]];
    return a && b ? [[a, b] as const] : [];
  });
}

/**
 * The loss that chooses between strengths: with labels smoothed by the error that so few examples cannot exclude. If classes are separated
 * without an error, the plain loss falls with the penalty forever and would choose the edge of the grid.
 */
const smoothedLoss = (outOfFold: Float32Array, labels: Int32Array, classes: number): number =>
  logLosses(outOfFold, labels, classes, missShare(labels.length)).reduce((sum, loss) => sum + loss, 0);

/** Undoes the standardisation: weights and bias that act on features as the backbone outputs them. */
function onRawFeatures(point: Float32Array, { mean, deviation }: Standardisation): Head {
  const features = mean.length;
  const classes = point.length / (features + 1);
  const weights = new Float32Array(classes * features);
  const bias = new Float32Array(classes);
  for (let c = 0; c < classes; c++) {
    let shift = point[c * (features + 1) + features]!;
    for (let j = 0; j < features; j++) {
      const weight = point[c * (features + 1) + j]! / deviation[j]!;
      weights[c * features + j] = weight;
      shift -= weight * mean[j]!;
    }
    bias[c] = shift;
  }
  return { weights, bias };
}

function meanOf(points: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(points[0]!.length);
  for (const point of points) for (let i = 0; i < mean.length; i++) mean[i] = mean[i]! + point[i]! / points.length;
  return mean;
}

/** The number of fits with which a search starts, for its progress: of all decades, or of three penalties. */
export const fitsAtFirst = ({ near }: Pick<HeadOptions, "near">): number =>
  (near === undefined ? STRENGTHS.length : 3) * FOLDS;

/** The weights of the classes with which all count the same, however rare. */
export const balancedWeights = (labels: Int32Array, classes: number): number[] =>
  countLabels(labels, classes).map((count) => labels.length / (classes * count));

/** The number of examples of each class. */
export function countLabels(labels: Int32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label] = counts[label]! + 1;
  return counts;
}

/** `[rows, classes]` logits of a head on features. */
export function headLogits({ weights, bias }: Head, table: FeatureTable): Float32Array {
  const classes = bias.length;
  const logits = new Float32Array(table.rows * classes);
  for (const { first, rows, data } of table.chunks()) {
    for (let i = 0; i < rows; i++) {
      for (let c = 0; c < classes; c++) {
        let sum = bias[c]!;
        for (let j = 0; j < table.columns; j++) sum += weights[c * table.columns + j]! * data[i * table.columns + j]!;
        logits[(first + i) * classes + c] = sum;
      }
    }
  }
  return logits;
}

/** An untrained head, for training from scratch: weights uniform in ±1 / √features as in PyTorch's linear layer, biases 0. */
export function freshHead(features: number, classes: number, seed: number): Head {
  const random = randomFor(seed, "fresh head");
  const bound = 1 / Math.sqrt(features);
  return {
    weights: Float32Array.from({ length: classes * features }, () => bound * (2 * random.next() - 1)),
    bias: new Float32Array(classes),
  };
}
