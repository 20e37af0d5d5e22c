/**
 * Which examples belong together, so that no split or fold separates them: the dataset's own groups, exact copies, and images that are
 * one image (resized, recompressed, mirrored, turned, cropped, in other light; frames of a camera that hardly moved). How copies are
 * found is data/copies' matter.
 */

import { disjointSets } from "../../base/collections.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { findCopies, type KnownCopies } from "../../data/copies/find-copies.ts";
import type { Signature } from "../../data/copies/signature.ts";

/** An example that may belong to a group. */
export interface Groupable {
  /** Examples with equal digests are copies. */
  readonly digest: string;
  /** Nothing for an example whose image cannot be compared: it belongs to its own group and to copies of its file alone. */
  readonly signature: Signature | undefined;
  /** The dataset's own group, if it names one. */
  readonly group?: string | undefined;
}

export interface GroupOptions {
  /** Copies that were found before. Default: all are searched now. */
  readonly known?: KnownCopies | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `[N]`: the group of each example, by the position of the group's first example; an example alone is its own group. */
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

/** The positions of examples with equal keys; those without a key are left out. */
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
