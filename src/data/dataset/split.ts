/**
 * Stratified splits and folds: spreads every class evenly, with seeded randomness, and never separates a group unless it holds a whole
 * class. Knows labels and groups, not files or pixels.
 */

import { groupedBy, tally } from "../../base/collections.ts";
import type { Random } from "../../base/random.ts";

/** The share of the training images that is held out for early stopping if the dataset has no validation part. */
export const VALIDATION_SHARE = 0.15;

/** The group number of each example; undefined if every example is independent. */
export type Groups = ArrayLike<number> | undefined;

/** Examples that stay together: a group, or one independent example. */
interface Unit {
  readonly members: readonly number[];
  /** The number of members in each class. */
  readonly counts: ReadonlyMap<number, number>;
}

/** The units, ordered by their first members. */
function unitsOf(labels: ArrayLike<number>, groups: Groups): Unit[] {
  const alone = singles(labels);
  if (!groups) return Array.from({ length: labels.length }, (_, i) => alone(i));
  const positions = Array.from({ length: labels.length }, (_, i) => i);
  return [...groupedBy(positions, (i) => groups[i]!).values()].map((own) => {
    if (own.length === 1) return alone(own[0]!);
    return { members: own, counts: tally(own.map((i) => labels[i]!)) };
  });
}

/** Creates units of one example; units of one class share their counts. */
function singles(labels: ArrayLike<number>): (example: number) => Unit {
  const counts = new Map<number, ReadonlyMap<number, number>>();
  return (example) => {
    const label = labels[example]!;
    const own = counts.get(label) ?? new Map([[label, 1]]);
    counts.set(label, own);
    return { members: [example], counts: own };
  };
}

/** The number of examples and units of each class. */
function totalsOf(units: readonly Unit[]): Map<number, Total> {
  const totals = new Map<number, Total>();
  for (const { counts } of units) {
    for (const [label, count] of counts) {
      const own = totals.get(label);
      if (!own) totals.set(label, { members: count, units: 1 });
      else {
        own.members += count;
        own.units++;
      }
    }
  }
  return totals;
}

interface Total {
  members: number;
  units: number;
}

/**
 * The classes that cannot be split without separating a group, because all their examples (two or more) are in one group. Splits and
 * folds treat the examples of such a group as independent, so measurements on that class say nothing about new groups.
 */
export const inseparableClasses = (labels: ArrayLike<number>, groups: Groups): number[] =>
  groups ? inseparableIn(unitsOf(labels, groups)).sort((a, b) => a - b) : [];

const inseparableIn = (units: readonly Unit[]): number[] =>
  [...totalsOf(units)].flatMap(([label, total]) => (total.units === 1 && total.members > 1 ? [label] : []));

/** The units to split: groups, except those that contain a whole class. */
function separableUnits(labels: ArrayLike<number>, groups: Groups): Unit[] {
  const units = unitsOf(labels, groups);
  const inseparable = groups ? inseparableIn(units) : [];
  if (inseparable.length === 0) return units;
  const alone = singles(labels);
  return units
    .flatMap((unit) => (inseparable.some((label) => unit.counts.has(label)) ? unit.members.map(alone) : [unit]))
    .sort((a, b) => a.members[0]! - b.members[0]!);
}

/** The units by the class of most of their members (the lowest class if several tie); classes in ascending order. */
function byClass(units: readonly Unit[]): [number, Unit[]][] {
  return [...groupedBy(units, homeOf)].sort(([a], [b]) => a - b);
}

function homeOf({ counts }: Unit): number {
  let [home, most] = [-1, 0];
  for (const [label, count] of counts)
    if (count > most || (count === most && label < home)) [home, most] = [label, count];
  return home;
}

/**
 * Holds out about `share` of each class: at least one example of a class with three or more, and never so many that fewer than two are
 * kept. Groups are held out or kept as a whole. At most twice the share of a class's groups is held out, so that training does not
 * depend on one large group. Returns positions in ascending order.
 */
export function stratifiedSplit(
  labels: ArrayLike<number>,
  share: number,
  random: Random,
  groups: Groups,
): { kept: number[]; held: number[] } {
  const units = separableUnits(labels, groups);
  const totals = totalsOf(units);
  const held = new Map<number, Total>([...totals.keys()].map((label) => [label, { members: 0, units: 0 }]));
  const isHeld = new Uint8Array(labels.length);

  const mayHold = ({ counts }: Unit): boolean =>
    [...counts].every(([label, count]) => {
      const [all, out] = [totals.get(label)!, held.get(label)!];
      return (
        all.members - out.members - count >= Math.min(2, all.members) &&
        all.units - out.units - 1 >= Math.min(2, all.units - 1)
      );
    });
  const hold = ({ members, counts }: Unit): void => {
    for (const i of members) isHeld[i] = 1;
    for (const [label, count] of counts) {
      const own = held.get(label)!;
      own.members += count;
      own.units++;
    }
  };

  for (const [label, own] of byClass(units)) {
    const total = totals.get(label)!.members;
    const wanted = Math.max(0, Math.min(Math.max(1, Math.round(total * share)), total - 2));
    const mostUnits = Math.max(1, Math.round(2 * share * own.length));
    const shuffled = random.shuffle(own);
    const out = held.get(label)!;
    let heldUnits = 0;
    for (const unit of shuffled) {
      if (out.members >= wanted || heldUnits >= mostUnits) break;
      const over = out.members + unit.counts.get(label)! - wanted;
      // Skips a group that is too large, unless holding it comes closer to the share than stopping here.
      if (over > wanted - out.members || !mayHold(unit)) continue;
      hold(unit);
      heldUnits++;
    }
    if (wanted > 0 && out.members === 0) {
      const smallest = shuffled.filter(mayHold).sort((a, b) => a.members.length - b.members.length)[0];
      if (smallest) hold(smallest);
    }
  }
  const positions = Array.from({ length: labels.length }, (_, i) => i);
  return { kept: positions.filter((i) => !isHeld[i]), held: positions.filter((i) => isHeld[i]) };
}

/** The most folds for which every class keeps training examples in each fold, without separating groups. */
export function mostFolds(labels: ArrayLike<number>, groups: Groups): number {
  return Math.min(...[...totalsOf(separableUnits(labels, groups)).values()].map(({ units }) => units));
}

/**
 * The fold of each example, 0 … `folds` − 1; a group is in one fold. Without groups, fold sizes differ within a class by one at most,
 * and the surplus goes to other folds from class to class, so that total fold sizes stay even too. With groups, the largest go first,
 * each to the fold that has the least of its classes.
 */
export function stratifiedFolds(labels: ArrayLike<number>, folds: number, random: Random, groups: Groups): Int32Array {
  const foldOf = new Int32Array(labels.length);
  const all = separableUnits(labels, groups);
  const classes = new Map(
    [...totalsOf(all)].map(([label, { members }]) => [label, { members, filled: new Int32Array(folds) }]),
  );
  let next = 0;
  for (const [, units] of byClass(all)) {
    const shuffled = random.shuffle(units).sort((a, b) => b.members.length - a.members.length);
    for (const { members, counts } of shuffled) {
      const own = [...counts.keys()].map((label) => classes.get(label)!);
      const load = (fold: number): number =>
        own.reduce((sum, { members: total, filled }) => sum + filled[fold]! / total, 0);
      let fold = next % folds;
      for (let turn = 1; turn < folds; turn++) {
        const other = (next + turn) % folds;
        if (load(other) < load(fold)) fold = other;
      }
      for (const i of members) foldOf[i] = fold;
      for (const [label, count] of counts) {
        const { filled } = classes.get(label)!;
        filled[fold] = filled[fold]! + count;
      }
      next = fold + 1;
    }
  }
  return foldOf;
}
