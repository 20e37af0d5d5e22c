/**
 * A small decision tree: deep enough to detect whether one property predicts the class, too shallow to learn more.
 * Source: Breiman et al., Classification and Regression Trees (1984), with Gini impurity and all classes weighted equally.
 */

/** Rows of numbers with the class of each. */
export interface Rows {
  /** `[rows, columns]` */
  readonly values: Float64Array;
  readonly columns: number;
  readonly labels: ArrayLike<number>;
  readonly classes: number;
}

/** Classifies the row of `columns` numbers that starts at `at` in `values`. */
export type Classifier = (values: Float64Array, at: number) => number;

const DEPTH = 3;

/** Grows a tree on the `chosen` rows. */
export function growTree(rows: Rows, chosen: readonly number[]): Classifier {
  const counts = countsOf(rows, chosen);
  const weights = counts.map((count) => (count === 0 ? 0 : 1 / count));
  return grow(rows, chosen, weights, Math.max(3, Math.round(chosen.length / 100)), DEPTH);
}

function countsOf({ labels, classes }: Rows, chosen: readonly number[]): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const row of chosen) counts[labels[row]!]!++;
  return counts;
}

function grow(
  rows: Rows,
  chosen: readonly number[],
  weights: readonly number[],
  leastLeaf: number,
  depth: number,
): Classifier {
  const weighted = countsOf(rows, chosen).map((count, label) => count * weights[label]!);
  const predicted = weighted.indexOf(Math.max(...weighted));
  const split = depth > 0 ? bestSplit(rows, chosen, weights, leastLeaf) : undefined;
  if (!split) return () => predicted;
  const { column, threshold } = split;
  const isLow = (row: number): boolean => rows.values[row * rows.columns + column]! <= threshold;
  const low = grow(rows, chosen.filter(isLow), weights, leastLeaf, depth - 1);
  const high = grow(
    rows,
    chosen.filter((row) => !isLow(row)),
    weights,
    leastLeaf,
    depth - 1,
  );
  return (values, at) => (values[at + column]! <= threshold ? low : high)(values, at);
}

/** Finds the split with the lowest impurity; undefined if none reduces it. */
function bestSplit(
  { values, columns, labels, classes }: Rows,
  chosen: readonly number[],
  weights: readonly number[],
  leastLeaf: number,
): { column: number; threshold: number } | undefined {
  const totals = new Float64Array(classes);
  for (const row of chosen) totals[labels[row]!]! += weights[labels[row]!]!;
  const whole = totals.reduce((sum, weight) => sum + weight, 0);
  const squares = (of: Float64Array): number => of.reduce((sum, weight) => sum + weight * weight, 0);
  let best: { column: number; threshold: number } | undefined;
  let bestPurity = squares(totals) / whole + 1e-9;
  for (let column = 0; column < columns; column++) {
    const numberOf = (row: number): number => values[row * columns + column]!;
    const sorted = chosen.toSorted((a, b) => numberOf(a) - numberOf(b));
    const left = new Float64Array(classes);
    const right = totals.slice();
    let sum = 0;
    for (let i = 0; i < sorted.length - leastLeaf; i++) {
      const label = labels[sorted[i]!]!;
      left[label]! += weights[label]!;
      right[label]! -= weights[label]!;
      sum += weights[label]!;
      const [here, next] = [numberOf(sorted[i]!), numberOf(sorted[i + 1]!)];
      if (i + 1 < leastLeaf || here === next || sum <= 0 || whole - sum <= 0) continue;
      const purity = squares(left) / sum + squares(right) / (whole - sum);
      if (purity > bestPurity) {
        bestPurity = purity;
        best = { column, threshold: (here + next) / 2 };
      }
    }
  }
  return best;
}
