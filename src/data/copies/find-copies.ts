/**
 * Finds copies: equal files, the same image in another size or compression or changed (mirrored, rotated, cropped, other light) as by
 * offline augmentation, and frames of a camera that hardly moved. Does not match images that only show similar things: the fine detail
 * of two images must coincide.
 */
import { disjointSets } from "../../base/collections.ts";
import { nextTask } from "../../base/concurrency.ts";
import { align } from "./align.ts";
import { alignedColours, COPY_LIKENESS, isTelling, likeness, type Print, printOf } from "./colour-likeness.ts";
import { candidatesAmong } from "./copy-candidates.ts";
import { type Levels, levelsOf, type Pose } from "./levels-and-poses.ts";
import type { Signature } from "./signature.ts";

/** Why two images are copies. */
export const kinships = ["same file", "same picture", "changed"] as const;
export type Kinship = (typeof kinships)[number];

/** Two images, by position, that are copies. */
export interface Link {
  readonly a: number;
  readonly b: number;
  readonly kinship: Kinship;
  /** 1 for equal files; else how well they agree, up to 1. */
  readonly likeness: number;
}

export interface Copies {
  /** Groups of two or more positions in the given list, each in ascending order. */
  readonly groups: readonly (readonly number[])[];
  /** Links that connect each group. */
  readonly links: readonly Link[];
  /** The number of pairs that were compared closely. */
  readonly compared: number;
}

/** Stores links among files, so that the same files are not searched again. */
export interface KnownCopies {
  /** The links among the files with these digests; undefined if they were not searched together before. */
  read(digests: readonly string[]): Promise<LinksAmong | undefined>;
  write(digests: readonly string[], found: LinksAmong): Promise<void>;
}

/** Links by position in a list of distinct files, and how many pairs were compared. */
export type LinksAmong = Pick<Copies, "links" | "compared">;

export interface FindOptions {
  /** Where results are read from and stored. Default: nothing is stored. */
  readonly known?: KnownCopies | undefined;
  /** Called with how many more images are done. */
  readonly onImages?: ((more: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The least correlation of colours: colours may change with light, but a red heart is not a blue one. */
const LEAST_COLOURS = 0.8;
/** Images whose levels are kept in memory; those that were compared closely take 60 kB, the others 3 kB. */
const MOST_LEVELS = 4000;
/** Pairs between two turns of the event loop: about 50 ms. */
const PAIRS_AT_ONCE = 100;

/**
 * Groups images that are copies of each other.
 *
 * @param images files with equal `digest` are copies without a comparison
 */
export async function findCopies(
  images: readonly { readonly digest: string; readonly signature: Signature }[],
  { known, onImages, signal }: FindOptions = {},
): Promise<Copies> {
  const sets = disjointSets(images.length);
  const links: Link[] = [];
  const join = (link: Link): void => {
    sets.join(link.a, link.b);
    links.push(link);
  };
  const first = new Map<string, number>();
  for (const [i, { digest }] of images.entries()) {
    const same = first.get(digest);
    if (same === undefined) first.set(digest, i);
    else join({ a: same, b: i, kinship: "same file", likeness: 1 });
  }
  // Sorted, so that the same files have the same links whatever the order of the list.
  const distinct = [...first].sort(([one], [other]) => (one < other ? -1 : 1));
  const digests = distinct.map(([digest]) => digest);
  let found = await known?.read(digests);
  if (found) onImages?.(digests.length);
  else {
    const signatures = distinct.map(([, i]) => images[i]!.signature);
    found = await linksAmong(signatures, { onImages, signal });
    await known?.write(digests, found);
  }
  for (const { a, b, ...link } of found.links) {
    const [one, other] = [distinct[a]![1], distinct[b]![1]];
    join({ a: Math.min(one, other), b: Math.max(one, other), ...link });
  }
  return { groups: sets.groups(), links, compared: found.compared };
}

/** The links among distinct files. */
async function linksAmong(
  signatures: readonly Signature[],
  { onImages, signal }: Pick<FindOptions, "onImages" | "signal">,
): Promise<LinksAmong> {
  const sets = disjointSets(signatures.length);
  const printAt = cached((i: number): Print => printOf(signatures[i]!.colour), signatures.length);
  const levelsAt = cached((i: number): Levels => levelsOf(signatures[i]!.detail), MOST_LEVELS);
  const candidates = await candidatesAmong(
    signatures.map(({ detail }) => detail),
    { onImages, signal },
  );
  const linkOf = (a: number, b: number, start: Pose): Pick<Link, "kinship" | "likeness"> | undefined => {
    const [print, other] = [printAt(a), printAt(b)];
    const alike = likeness(print, other);
    if (alike >= COPY_LIKENESS && isTelling(print) && isTelling(other))
      return { kinship: "same picture", likeness: Math.min(1, alike) };
    const aligned = align(levelsAt(a), levelsAt(b), start);
    if (!aligned || alignedColours(print.colour, other.colour, aligned.pose) < LEAST_COLOURS) return undefined;
    return { kinship: "changed", likeness: Math.min(1, aligned.fine) };
  };
  const links: Link[] = [];
  let compared = 0;
  for (const [at, { a, b, start }] of candidates.entries()) {
    if (at % PAIRS_AT_ONCE === 0) {
      signal?.throwIfAborted();
      await nextTask();
    }
    if (sets.root(a) === sets.root(b)) continue;
    compared++;
    const link = linkOf(a, b, start);
    if (!link) continue;
    sets.join(a, b);
    links.push({ a: Math.min(a, b), b: Math.max(a, b), ...link });
  }
  return { links, compared };
}

/** A function that caches its results for the last `most` arguments. */
function cached<T>(of: (i: number) => T, most: number): (i: number) => T {
  const known = new Map<number, T>();
  return (i) => {
    const found = known.get(i) ?? of(i);
    // The most recently used entry goes last.
    known.delete(i);
    known.set(i, found);
    if (known.size > most) known.delete(known.keys().next().value!);
    return found;
  };
}
