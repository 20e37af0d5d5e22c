/**
 * Finds the groups of examples that no split or fold may separate: the dataset's own groups, equal files, and near copies (resized,
 * recompressed, mirrored, rotated, cropped or relit images; frames of a camera that hardly moved). The search for copies is in data/copies.
 */

import { disjointSets } from "../../base/collections.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { findCopies, type KnownCopies } from "../../data/copies/find-copies.ts";
import type { Signature } from "../../data/copies/signature.ts";

/** An example to group. */
export interface Groupable {
  /** Examples with equal digests are copies. */
  readonly digest: string;
  /** Undefined if the image cannot be compared: then only its own group and equal files count. */
  readonly signature: Signature | undefined;
  /** The dataset's own group, if given. */
  readonly group?: string | undefined;
}

export interface GroupOptions {
  /** Copies that an earlier search found. Default: none, all images are compared. */
  readonly known?: KnownCopies | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `[N]`: the group of each example, as the position of its first example. An example without copies is its own group. */
export async function groupsAmong(
  examples: readonly Groupable[],
  { known, onProgress, signal }: GroupOptions = {},
): Promise<Int32Array> {
  const sets = disjointSets(examples.length);
  const join = (groups: Iterable<readonly number[]>): void => {
    for (const [first, ...others] of groups) for (const other of others) sets.join(first!, other);
  };
  const comparable = examples.flatMap(({ signature }, i) => (signature ? [i] : []));
  const meter = createMeter({ stage: "Looking for copies", unit: "images", total: comparable.length, onProgress });
  const { groups } = await findCopies(
    comparable.map((i) => ({ digest: examples[i]!.digest, signature: examples[i]!.signature! })),
    { known, onImages: (more) => meter.add(more), signal },
  );
  join(groups.map((group) => group.map((i) => comparable[i]!)));
  join(sameBy(examples, ({ digest }) => digest));
  join(sameBy(examples, ({ group }) => group));
  return Int32Array.from(examples, (_, i) => sets.root(i));
}

/** The positions of examples with equal keys; examples without a key are left out. */
function sameBy(examples: readonly Groupable[], key: (example: Groupable) => string | undefined): Iterable<number[]> {
  const known = new Map<string, number[]>();
  examples.forEach((example, i) => {
    const own = key(example);
    if (own === undefined) return;
    const members = known.get(own);
    if (members) members.push(i);
    else known.set(own, [i]);
  });
  return known.values();
}
