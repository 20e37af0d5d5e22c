/** Which pictures networks are compared on, and in what order. */
import { createRandom } from "../../base/random.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { stratifiedSplit } from "../../data/split.ts";
import { groupsOfExamples } from "../../train/features/image-groups.ts";
import type { GroupOptions } from "../../train/groups.ts";
import { countLabels } from "../../train/head/fit.ts";
import { HELD_OUT_SHARE } from "../../train/parts.ts";
import { stratifiedOrder } from "../halving/order.ts";
import type { Gallery } from "./contestant.ts";
import type { Baseline } from "./recommendation.ts";

/** More pictures than this tell little more about which network is the best. */
const MOST_PICTURES = 4000;

export interface Hung {
  readonly gallery: Gallery;
  /** Training pictures in all. */
  readonly training: number;
  /** Pictures that are left alone: a test folder's, or those that `train` holds out. */
  readonly keptForTest: number;
}

/**
 * The training pictures in a stratified order: neither a test folder's nor a validation folder's, nor, where there is no test
 * folder, those that `graft train` holds out for its test with the same seed; so that its test stays a test.
 */
export async function galleryOf(
  { examples, classes }: Dataset,
  seed: number,
  options: GroupOptions = {},
): Promise<Hung> {
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
    gallery: {
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

/** Always answering the most frequent class. */
export function baselineOf({ labels, classes }: Pick<Gallery, "labels" | "classes">): Baseline {
  const counts = countLabels(labels, classes.length);
  const most = Math.max(...counts);
  return { class: classes[counts.indexOf(most)]!, accuracy: most / labels.length };
}
