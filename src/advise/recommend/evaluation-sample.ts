/**
 * The sample of images on which networks and strategies are compared, in an order of which every prefix represents the classes. Opens no
 * network.
 */
import { createRandom, type Random } from "../../base/random.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { stratifiedSplit } from "../../data/dataset/split.ts";
import type { GroupOptions } from "../../train/features/groups.ts";
import { groupsOfExamples } from "../../train/features/known-copies.ts";
import { countLabels } from "../../train/head/fit.ts";
import { HELD_OUT_SHARE } from "../../train/training-set.ts";

/** This many images of each class come first, or all of a rarer class. */
export const FIRST_OF_CLASS = 5;

/**
 * Orders all positions of `labels` so that each prefix is stratified: first a few of every class in turn, then the rest, each class spread
 * evenly. Random within a class.
 */
export function stratifiedOrder(labels: ArrayLike<number>, random: Random): number[] {
  const members = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const own = members.get(labels[i]!);
    if (own) own.push(i);
    else members.set(labels[i]!, [i]);
  }
  const placed = [...members]
    .sort(([a], [b]) => a - b)
    .flatMap(([label, own]) =>
      random.shuffle(own).map((item, i) => {
        // The first few of all classes come before everything else, in rounds.
        const place = i < FIRST_OF_CLASS ? i - FIRST_OF_CLASS : (i + 0.5) / own.length;
        return { item, label, place };
      }),
    );
  return placed.sort((a, b) => a.place - b.place || a.label - b.label).map(({ item }) => item);
}

// The sample.

/** Maximum size of the sample: more images tell little more about which network is best. */
const MOST_PICTURES = 4000;

/** Images in the order in which all networks process them. */
export interface EvaluationSample {
  readonly paths: readonly string[];
  readonly labels: Int32Array;
  /** The group of each image: no fold separates a group. */
  readonly groups: Int32Array;
  readonly classes: readonly string[];
  readonly seed: number;
}

/** The accuracy of always predicting the most frequent class. */
export interface Baseline {
  readonly class: string;
  readonly accuracy: number;
}

export interface DrawnSample {
  readonly sample: EvaluationSample;
  /** Training images in total. */
  readonly training: number;
  /** Images that are not touched: a test folder's, or those that `train` holds out. */
  readonly keptForTest: number;
}

/**
 * Draws the sample: training images in a stratified order. It excludes test and validation folders and, if there is no test folder, the
 * images that `graft train` holds out for its test with the same seed, so that its test stays independent.
 */
export async function evaluationSampleOf(
  { examples, classes }: Dataset,
  seed: number,
  options: GroupOptions = {},
): Promise<DrawnSample> {
  const learnable = examples.filter(({ split }) => split === undefined || split === "train");
  const tests = examples.filter(({ split }) => split === "test").length;
  const labels = learnable.map(({ label }) => label);
  const groups = await groupsOfExamples(learnable, options);
  const kept =
    tests > 0 ? labels.map((_, i) => i) : stratifiedSplit(labels, HELD_OUT_SHARE, createRandom(seed), groups).kept;
  const own = kept.map((i) => ({ ...learnable[i]!, group: groups[i]! }));
  const order = stratifiedOrder(
    own.map(({ label }) => label),
    createRandom(seed),
  );
  const shown = order.slice(0, MOST_PICTURES).map((i) => own[i]!);
  return {
    sample: {
      paths: shown.map(({ path }) => path),
      labels: Int32Array.from(shown, ({ label }) => label),
      groups: Int32Array.from(shown, ({ group }) => group),
      classes,
      seed,
    },
    training: own.length,
    keptForTest: tests > 0 ? tests : learnable.length - own.length,
  };
}

/** The baseline of a sample. */
export function baselineOf({ labels, classes }: Pick<EvaluationSample, "labels" | "classes">): Baseline {
  const counts = countLabels(labels, classes.length);
  const most = Math.max(...counts);
  return { class: classes[counts.indexOf(most)]!, accuracy: most / labels.length };
}
