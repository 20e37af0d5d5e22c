/**
 * The check for shortcuts: a property unrelated to the subject, such as the brightness or the file format, predicts a class suspiciously well, so
 * that a network may learn it instead. Reads measured traits only, no pixels.
 */
import { type Random, randomFor } from "../../base/random.ts";
import { type Groups, stratifiedFolds } from "../../data/dataset/split.ts";
import type { AuditedImage, Check, Finding } from "../check.ts";

/** A numeric or categorical property of an image, unrelated to what it shows. */
export type Property =
  | { readonly kind: "numbers"; readonly name: string; readonly of: (image: AuditedImage) => readonly number[] }
  | { readonly kind: "category"; readonly name: string; readonly of: (image: AuditedImage) => string };

export const properties: readonly Property[] = [
  { kind: "numbers", name: "the brightness", of: ({ traits }) => [traits.brightness, traits.contrast] },
  { kind: "numbers", name: "the size in pixels", of: ({ traits }) => [traits.width, traits.height] },
  { kind: "numbers", name: "the aspect", of: ({ traits }) => [Math.log(traits.width / traits.height)] },
  {
    kind: "numbers",
    name: "the colour of the border",
    of: ({ traits: { border } }) => [border.red, border.green, border.blue, border.spread],
  },
  { kind: "numbers", name: "the sharpness", of: ({ traits }) => [traits.sharpness] },
  {
    kind: "numbers",
    name: "the compression",
    of: ({ traits }) => [Math.log(traits.bytes / (traits.width * traits.height))],
  },
  { kind: "category", name: "the file format", of: ({ traits }) => traits.format },
  { kind: "category", name: "the camera", of: ({ traits }) => traits.camera ?? "none" },
  { kind: "category", name: "the folder below the class's", of: ({ subfolder }) => subfolder ?? "" },
];

// Cross-validated predictions of the class from one property alone.

const FOLDS = 5;

/** `[N]`: the class predicted for each image, from a classifier fitted on the other folds. */
export function predictFrom(
  property: Property,
  images: readonly AuditedImage[],
  classes: number,
  random: Random,
  groups: Groups,
): Int32Array {
  const labels = Int32Array.from(images, ({ label }) => label);
  const foldOf = stratifiedFolds(labels, FOLDS, random, groups);
  const predicted = new Int32Array(images.length);
  const fit = classifierOf(property, images, labels, classes);
  for (let fold = 0; fold < FOLDS; fold++) {
    const classify = fit([...labels.keys()].filter((row) => foldOf[row] !== fold));
    for (let row = 0; row < predicted.length; row++) if (foldOf[row] === fold) predicted[row] = classify(row);
  }
  return predicted;
}

/** Fits on some rows; the result classifies any row. */
type FitClassifier = (chosen: readonly number[]) => (row: number) => number;

function classifierOf(
  property: Property,
  images: readonly AuditedImage[],
  labels: Int32Array,
  classes: number,
): FitClassifier {
  if (property.kind === "category") return byCategory(images.map(property.of), labels, classes);
  const numbers = images.map(property.of);
  const columns = numbers[0]?.length ?? 0;
  const rows: Rows = { values: Float64Array.from(numbers.flat()), columns, labels, classes };
  return (chosen) => {
    const tree = growTree(rows, chosen);
    return (row) => tree(rows.values, row * columns);
  };
}

/** Predicts the most frequent class among images of the same category, with every class weighted equally. */
function byCategory(kinds: readonly string[], labels: Int32Array, classes: number): FitClassifier {
  return (chosen) => {
    const totals = new Float64Array(classes);
    for (const row of chosen) totals[labels[row]!]!++;
    const shares = new Map<string, Float64Array>();
    for (const row of chosen) {
      const own = shares.get(kinds[row]!) ?? new Float64Array(classes);
      own[labels[row]!]! += 1 / totals[labels[row]!]!;
      shares.set(kinds[row]!, own);
    }
    return (row) => {
      const own = shares.get(kinds[row]!);
      return own ? own.indexOf(Math.max(...own)) : 0;
    };
  };
}

// The check (Geirhos et al., "Shortcut learning in deep neural networks", arXiv 2004.07780). The confidence for a class is Youden's J of the
// property alone in cross-validation: the class's recall minus the share of other classes' images that are predicted as it.

/**
 * Youden's J from which a property is reported: chosen so that the shared datasets' own colours stay below it (`npm run bench -- audit`).
 */
const SUSPICIOUS = 0.7;
/** Images needed in the class, and in the rest. */
const FEWEST = 20;

export const shortcuts: Check = {
  name: "shortcuts",
  about: "classes given away by brightness, size, border, format, camera or folder",
  find({ classes, images, groups }) {
    const counts = classes.map((_, label) => images.filter((image) => image.label === label).length);
    return properties.flatMap((property) => {
      const random = randomFor(0, "shortcuts", property.name);
      const predicted = predictFrom(property, images, classes.length, random, groups);
      return classes.flatMap((name, label): Finding[] => {
        if (counts[label]! < FEWEST || images.length - counts[label]! < FEWEST) return [];
        let [found, wrong] = [0, 0];
        images.forEach((image, at) => {
          if (predicted[at] !== label) return;
          if (image.label === label) found++;
          else wrong++;
        });
        const [recall, falsely] = [found / counts[label]!, wrong / (images.length - counts[label]!)];
        if (recall - falsely < SUSPICIOUS) return [];
        const per = (share: number): string => `${Math.round(share * 100)}%`;
        return [
          {
            check: "shortcuts",
            title: `By ${property.name} alone, ${per(recall)} of "${name}" are found, and ${per(falsely)} of the others are taken for it.`,
            advice: `Make ${property.name} the same in all classes, or the network may learn it instead of what the images show.`,
            severity: "serious",
            confidence: recall - falsely,
            groups: [],
          },
        ];
      });
    });
  },
};

// A small decision tree: deep enough to detect whether one property predicts the class, too shallow to learn more.
// Source: Breiman et al., Classification and Regression Trees (1984), with Gini impurity and all classes weighted equally.

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
