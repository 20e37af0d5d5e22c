/**
 * Finding copies among many pictures without comparing all with all: locality-sensitive hashing by random hyperplanes (Charikar,
 * "Similarity estimation techniques from rounding algorithms", STOC 2002). Each table asks on which side of some random planes a picture
 * lies; only pictures on the same side of all are compared. The planes grow with the logarithm of the number of pictures, so that
 * few pictures share a key however many there are, and comparisons grow little faster than the pictures.
 */
import { type Random, randomFor } from "../../base/random.ts";
import { COARSE_SIZE, isTelling, likeness, printOf } from "./signature.ts";

/** From this likeness on two pictures are copies of one. */
export const COPY_LIKENESS = 0.99;
/**
 * Copies of likeness 0.998 lie on different sides of a plane with probability arccos(0.998) / π = 0.02, so that among 10,000 pictures (19
 * planes) a table parts them with probability 0.32, and all tables with 1e-8; at 0.99, the least that counts, with 2e-4.
 */
const TABLES = 16;
const [FEWEST_PLANES, MOST_PLANES] = [8, 28];
/** Planes for each doubling of the pictures: more than one, since photographs crowd on some sides. */
const PLANES_A_DOUBLING = 1.4;

export interface Copies {
  /** Groups of two or more, each in ascending order: positions in the list given. */
  readonly groups: readonly (readonly number[])[];
  /** Pairs of pictures that were compared. */
  readonly compared: number;
}

/**
 * Groups pictures that are copies of one another.
 *
 * @param pictures files with equal `sha256` are copies whatever their signatures
 */
export function findCopies(
  pictures: readonly { readonly sha256: string; readonly signature: Uint8Array }[],
  likenessOfCopies = COPY_LIKENESS,
): Copies {
  const sets = disjointSets(pictures.length);
  const first = new Map<string, number>();
  const distinct: number[] = [];
  for (const [i, { sha256 }] of pictures.entries()) {
    const same = first.get(sha256);
    if (same !== undefined) sets.join(same, i);
    else {
      first.set(sha256, i);
      distinct.push(i);
    }
  }
  const prints = new Map(distinct.map((i) => [i, printOf(pictures[i]!.signature)]));
  const telling = distinct.filter((i) => isTelling(prints.get(i)!));
  const wanted = Math.ceil(PLANES_A_DOUBLING * Math.log2(telling.length + 1));
  const planes = Math.min(MOST_PLANES, Math.max(FEWEST_PLANES, wanted));
  const random = randomFor(0, "copies");
  let compared = 0;
  for (let table = 0; table < TABLES; table++) {
    const key = keyOf(planes, random);
    const buckets = new Map<number, number[]>();
    for (const i of telling) {
      const print = prints.get(i)!;
      const [own, mirrored] = [key(print.coarse), key(print.coarseMirrored)];
      let isKnown = false;
      for (const bucket of own === mirrored ? [own] : [own, mirrored]) {
        for (const other of buckets.get(bucket) ?? []) {
          if (sets.root(other) !== sets.root(i)) {
            compared++;
            if (likeness(print, prints.get(other)!) < likenessOfCopies) continue;
            sets.join(other, i);
          }
          isKnown = true;
          break;
        }
      }
      // Only one picture of a group waits in a bucket, so that a dataset of copies is no slower than another.
      if (isKnown) continue;
      const bucket = buckets.get(own);
      if (bucket) bucket.push(i);
      else buckets.set(own, [i]);
    }
  }
  return { groups: sets.groups(), compared };
}

/** On which side of `planes` random planes through the mean a picture lies, one bit a plane. */
function keyOf(planes: number, random: Random): (coarse: Float32Array) => number {
  const normals = Array.from({ length: planes }, () =>
    Float32Array.from({ length: COARSE_SIZE }, () => (random.next() < 0.5 ? -1 : 1)),
  );
  return (coarse) => {
    let key = 0;
    for (const normal of normals) {
      let side = 0;
      for (let i = 0; i < COARSE_SIZE; i++) side += normal[i]! * coarse[i]!;
      key = (key << 1) | (side > 0 ? 1 : 0);
    }
    return key;
  };
}

/** Union–find with path halving. */
function disjointSets(count: number): {
  root(of: number): number;
  join(a: number, b: number): void;
  groups(): number[][];
} {
  const parents = Int32Array.from({ length: count }, (_, i) => i);
  const root = (of: number): number => {
    let at = of;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  };
  return {
    root,
    join(a, b) {
      const [x, y] = [root(a), root(b)];
      parents[Math.max(x, y)] = Math.min(x, y);
    },
    groups() {
      const members = new Map<number, number[]>();
      for (let i = 0; i < count; i++) {
        const own = root(i);
        const group = members.get(own);
        if (group) group.push(i);
        else members.set(own, [i]);
      }
      return [...members.values()].filter((group) => group.length > 1);
    },
  };
}
