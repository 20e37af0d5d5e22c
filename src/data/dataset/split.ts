/**
 * Stratified splits and folds: every class is spread evenly, by chance but reproducibly, and examples that belong together
 * stay together. Where no two examples belong together, the result depends on labels and chance alone.
 */

import { groupedBy, tally } from "../../base/collections.ts";
import { dataError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";

/** The share of the training pictures that is held out to stop fine-tuning by, where no others are given for that. */
export const VALIDATION_SHARE = 0.15;

/** The group of each example, by number; `undefined` where each example stands alone. */
export type Groups = ArrayLike<number> | undefined;

/** Examples that stay together: a group, or one example. */
interface Unit {
  readonly members: readonly number[];
  /** Members of each class. */
  readonly counts: ReadonlyMap<number, number>;
}

/** The units, in the order of their first members. */
function unitsOf(labels: ArrayLike<number>, groups: Groups): Unit[] {
  const alone = loners(labels);
  if (!groups) return Array.from({ length: labels.length }, (_, i) => alone(i));
  const positions = Array.from({ length: labels.length }, (_, i) => i);
  return [...groupedBy(positions, (i) => groups[i]!).values()].map((own) => {
    if (own.length === 1) return alone(own[0]!);
    return { members: own, counts: tally(own.map((i) => labels[i]!)) };
  });
}

/** Units of one example; those of a class share their counts. */
function loners(labels: ArrayLike<number>): (example: number) => Unit {
  const counts = new Map<number, ReadonlyMap<number, number>>();
  return (example) => {
    const label = labels[example]!;
    const own = counts.get(label) ?? new Map([[label, 1]]);
    counts.set(label, own);
    return { members: [example], counts: own };
  };
}

/** How many examples and units each class has. */
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
 * The classes that cannot be split without separating a group, because all their examples, two or more, are in one. Splits
 * and folds treat such a group's examples as standing alone: what is measured on that class says nothing of new groups.
 */
export const inseparableClasses = (labels: ArrayLike<number>, groups: Groups): number[] =>
  groups ? inseparableIn(unitsOf(labels, groups)).sort((a, b) => a - b) : [];

const inseparableIn = (units: readonly Unit[]): number[] =>
  [...totalsOf(units)].flatMap(([label, total]) => (total.units === 1 && total.members > 1 ? [label] : []));

/** The units that are dealt: groups, but for those that are all there is of a class. */
function separableUnits(labels: ArrayLike<number>, groups: Groups): Unit[] {
  const units = unitsOf(labels, groups);
  const inseparable = groups ? inseparableIn(units) : [];
  if (inseparable.length === 0) return units;
  const alone = loners(labels);
  return units
    .flatMap((unit) => (inseparable.some((label) => unit.counts.has(label)) ? unit.members.map(alone) : [unit]))
    .sort((a, b) => a.members[0]! - b.members[0]!);
}

/** Units by the class that most of their members have, of equals the first; classes in ascending order. */
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
 * Holds out about `share` of each class: at least one example of a class that has three or more, and never so many that
 * fewer than two are kept. Groups are held or kept whole; of few groups, no more than twice the share are held, so that one
 * large group does not leave training to itself. Positions come back in ascending order.
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
    let taken = 0;
    for (const unit of shuffled) {
      if (out.members >= wanted || taken >= mostUnits) break;
      const over = out.members + unit.counts.get(label)! - wanted;
      // Too large a group is passed over, unless it comes nearer to the share than stopping here would.
      if (over > wanted - out.members || !mayHold(unit)) continue;
      hold(unit);
      taken++;
    }
    if (wanted > 0 && out.members === 0) {
      const smallest = shuffled.filter(mayHold).sort((a, b) => a.members.length - b.members.length)[0];
      if (smallest) hold(smallest);
    }
  }
  const positions = Array.from({ length: labels.length }, (_, i) => i);
  return { kept: positions.filter((i) => !isHeld[i]), held: positions.filter((i) => isHeld[i]) };
}

/** How many folds there can be so that each leaves every class something to learn from: groups are not divided. */
export function mostFolds(labels: ArrayLike<number>, groups: Groups): number {
  return Math.min(...[...totalsOf(separableUnits(labels, groups)).values()].map(({ units }) => units));
}

/**
 * The fold of each example, 0 … `folds` − 1; a group is in one fold. Without groups, fold sizes differ within a class by one at
 * the most; the surplus goes to other folds from class to class, so that the folds' totals stay even too. With groups, each
 * goes where there is least of its classes yet, the large ones first.
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

// Whether a dataset has enough images for a training, before any work is done. Knows counts, not pixels.

/** What a training needs besides its training images. */
export interface TrainingNeeds {
  /** Whether the dataset has a test part; without one, images are held out for the test. */
  readonly hasTest: boolean;
  /** Whether it has a validation part; without one, fine-tuning holds images out. */
  readonly hasValidation: boolean;
  readonly finetunes: boolean;
  /** Whether the images have been read, so that files that cannot be are not counted. Default false. */
  readonly isRead?: boolean | undefined;
}

/** The least training images per class. */
const FEWEST = 2;

/**
 * Checks that each class has two images to train on, and that some class has images to spare for each part that is held out.
 *
 * @param counts training images of each class, those included that will be held out
 * @throws GraftError (`data`, code `too-few-images`) with what is missing
 */
export function checkEnough(
  counts: readonly number[],
  classes: readonly string[],
  { hasTest, hasValidation, finetunes, isRead = false }: TrainingNeeds,
): void {
  const images = isRead ? "readable images" : "images";
  counts.forEach((count, label) => {
    if (count < FEWEST)
      throw tooFew(
        `The class "${classes[label]}" has ${count} ${count === 1 ? images.slice(0, -1) : images} to train on: add at least ${FEWEST - count} more.`,
      );
  });
  const most = Math.max(0, ...counts);
  const forTest = hasTest ? 0 : 1;
  if (most < FEWEST + forTest)
    throw tooFew(
      `No class has ${FEWEST + forTest} ${images}, so that none can be held out for the test: add images, or give a test part of its own.`,
    );
  const forValidation = finetunes && !hasValidation ? 1 : 0;
  if (most < FEWEST + forTest + forValidation)
    throw tooFew(
      `Fine-tuning holds images out for validation, and no class has ${FEWEST + forTest + forValidation} ${images}: add images, add a validation part, or train the head alone.`,
    );
}

const tooFew = (message: string): Error => dataError(message, undefined, "too-few-images");

/** {@link checkEnough} for a dataset whose examples name their parts. */
export function checkEnoughIn(
  {
    examples,
    classes,
  }: {
    readonly examples: readonly { readonly label: number; readonly split?: string | undefined }[];
    readonly classes: readonly string[];
  },
  finetunes: boolean,
  holdsOutTest = true,
): void {
  const counts = new Array<number>(classes.length).fill(0);
  const parts = new Set<string | undefined>();
  for (const { label, split } of examples) {
    parts.add(split);
    if (split === undefined || split === "train") counts[label] = counts[label]! + 1;
  }
  const hasTest = parts.has("test") || !holdsOutTest;
  checkEnough(counts, classes, { hasTest, hasValidation: parts.has("validation"), finetunes });
}
