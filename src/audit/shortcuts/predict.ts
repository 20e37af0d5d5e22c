/** Cross-validated predictions of the class from one property alone. */
import type { Random } from "../../base/random.ts";
import { type Groups, stratifiedFolds } from "../../data/split.ts";
import type { AuditedImage } from "../subject.ts";
import type { Property } from "./properties.ts";
import { growTree, type Rows } from "./tree.ts";

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
