/**
 * Finding copies among many pictures without comparing all with all: locality-sensitive hashing by bit sampling (Indyk and
 * Motwani 1998). Each table picks some of the hash's bits at random as a key; only pictures with the same key are compared.
 * The key grows with the logarithm of the number of pictures, so that a key is shared by a few however many there are, and
 * comparisons grow in proportion to the pictures.
 */
import { type Random, randomFor } from "../../base/random.ts";
import { HASH_BITS, type Hash, hashDistance, isTelling, likeness, type Print, printOf } from "./signature.ts";

/** From this likeness on two pictures are copies of one. */
export const COPY_LIKENESS = 0.99;
/** Hashes of copies differ in this many of the 63 bits at the most: a quick look before signatures are compared. */
const MOST_DIFFERING = 14;
/** Tables: copies whose hashes differ in 4 of the 63 bits share a key in at least one of them with probability 0.9999 for 10,000 pictures. */
const TABLES = 24;
const [FEWEST_BITS, MOST_BITS] = [8, 24];

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
  const bits = Math.min(MOST_BITS, Math.max(FEWEST_BITS, Math.ceil(Math.log2(telling.length + 1))));
  const random = randomFor(0, "copies");
  let compared = 0;
  for (let table = 0; table < TABLES; table++) {
    const key = keyOf(bits, random);
    const buckets = new Map<number, number[]>();
    for (const i of telling) {
      const print = prints.get(i)!;
      const [own, mirrored] = [key(print.hash), key(print.mirroredHash)];
      let isKnown = false;
      for (const bucket of own === mirrored ? [own] : [own, mirrored]) {
        for (const other of buckets.get(bucket) ?? []) {
          if (sets.root(other) !== sets.root(i)) {
            compared++;
            if (!areCopies(print, prints.get(other)!, likenessOfCopies)) continue;
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

const areCopies = (a: Print, b: Print, least: number): boolean =>
  hashDistance(a, b) <= MOST_DIFFERING && likeness(a, b) >= least;

/** A key of `bits` bits of a hash, picked at random. */
function keyOf(bits: number, random: Random): (hash: Hash) => number {
  const picked = random.shuffle(Array.from({ length: HASH_BITS }, (_, bit) => bit)).slice(0, bits);
  return (hash) => picked.reduce((key, bit) => (key << 1) | ((hash[bit >> 5]! >>> (bit & 31)) & 1), 0);
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
