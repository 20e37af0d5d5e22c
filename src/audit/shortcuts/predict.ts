/** How well a property alone predicts the class, in cross-validation: what it answers to pictures that it was not fitted on. */
import type { Random } from "../../base/random.ts";
import { type Groups, stratifiedFolds } from "../../data/split.ts";
import type { Picture } from "../subject.ts";
import type { Property } from "./properties.ts";
import { growTree, type Rows } from "./tree.ts";

const FOLDS = 5;

/** The class that the property names for each picture, fitted on the other folds. */
export function predictFrom(
  property: Property,
  pictures: readonly Picture[],
  classes: number,
  random: Random,
  groups: Groups,
): Int32Array {
  const labels = Int32Array.from(pictures, ({ label }) => label);
  const foldOf = stratifiedFolds(labels, FOLDS, random, groups);
  const answers = new Int32Array(pictures.length);
  const judge = judgeOf(property, pictures, labels, classes);
  for (let fold = 0; fold < FOLDS; fold++) {
    const fitted = judge(labels.length === 0 ? [] : [...labels.keys()].filter((row) => foldOf[row] !== fold));
    for (let row = 0; row < answers.length; row++) if (foldOf[row] === fold) answers[row] = fitted(row);
  }
  return answers;
}

/** Fits on some rows; what comes out names the class of any row. */
type Judge = (chosen: readonly number[]) => (row: number) => number;

function judgeOf(property: Property, pictures: readonly Picture[], labels: Int32Array, classes: number): Judge {
  if (property.kind === "category") return byCategory(pictures.map(property.of), labels, classes);
  const numbers = pictures.map(property.of);
  const columns = numbers[0]?.length ?? 0;
  const rows: Rows = { values: Float64Array.from(numbers.flat()), columns, labels, classes };
  return (chosen) => {
    const tree = growTree(rows, chosen);
    return (row) => tree(rows.values, row * columns);
  };
}

/** The class that is most frequent among pictures of the same kind, each class counting the same. */
function byCategory(kinds: readonly string[], labels: Int32Array, classes: number): Judge {
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
