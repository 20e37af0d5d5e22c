/** Compares two images without aligning them: whether they differ only in size, compression and mirroring. */

import { disjointSets } from "../../base/collections.ts";
import { nextTask } from "../../base/concurrency.ts";
import { align } from "./align.ts";
import { candidatesAmong } from "./copy-candidates.ts";
import { type Levels, levelsOf, type Pose, RADIUS } from "./levels-and-poses.ts";
import { COLOUR_SIDE, type Signature } from "./signature.ts";

/** The least likeness of two copies of one image. */
export const COPY_LIKENESS = 0.99;

/** A signature's colours, prepared for comparison. */
export interface Print {
  /** `[16, 16, 3]`, RGB. */
  readonly colour: Uint8Array;
  readonly mirrored: Uint8Array;
  readonly mean: number;
  /** The norm of the colours about their mean; 0 for a uniform image. */
  readonly length: number;
}

/** The least norm for a comparison, three grey levels of standard deviation: below it, noise would decide. */
const LEAST_LENGTH = 3 * Math.sqrt(COLOUR_SIDE ** 2 * 3);

/** Whether the colours of an image vary enough to identify it. */
export const isTelling = ({ length }: Print): boolean => length >= LEAST_LENGTH;

export function printOf(colour: Uint8Array): Print {
  let sum = 0;
  for (const value of colour) sum += value;
  const mean = sum / colour.length;
  let squares = 0;
  for (const value of colour) squares += (value - mean) ** 2;
  return { colour, mirrored: mirror(colour), mean, length: Math.sqrt(squares) };
}

/**
 * The similarity of two images, mirrored or not: the larger of two correlations of their colours, −1 to 1.
 * Resized, recompressed and mirrored copies in the shared datasets reach at least 0.998, different images at most 0.98.
 */
export function likeness(a: Print, b: Print): number {
  if (a.length === 0 || b.length === 0) return 0;
  const count = a.colour.length;
  let [straight, mirrored] = [0, 0];
  for (let i = 0; i < count; i++) {
    straight += a.colour[i]! * b.colour[i]!;
    mirrored += a.colour[i]! * b.mirrored[i]!;
  }
  return (Math.max(straight, mirrored) - count * a.mean * b.mean) / (a.length * b.length);
}

function mirror(colour: Uint8Array): Uint8Array {
  const mirrored = new Uint8Array(colour.length);
  for (let y = 0; y < COLOUR_SIDE; y++) {
    for (let x = 0; x < COLOUR_SIDE; x++) {
      const [from, to] = [(y * COLOUR_SIDE + x) * 3, (y * COLOUR_SIDE + COLOUR_SIDE - 1 - x) * 3];
      mirrored.set(colour.subarray(from, from + 3), to);
    }
  }
  return mirrored;
}

// Compares the colours of two aligned images.

/**
 * The correlation of the colour values of one image with those at the same points of another, −1 to 1.
 *
 * @param a `[16, 16, 3]`, like `b`
 * @param pose the position of the points of `a` in `b`
 */
export function alignedColours(a: Uint8Array, b: Uint8Array, [p, q, x, r, s, y]: Pose): number {
  const coordinate = (i: number): number => (2 * i + 1) / COLOUR_SIDE - 1;
  const place = (at: number): number => Math.round(((at + 1) * COLOUR_SIDE - 1) / 2);
  let [count, sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < COLOUR_SIDE ** 2; i++) {
    const [u, v] = [coordinate(i % COLOUR_SIDE), coordinate(Math.floor(i / COLOUR_SIDE))];
    const [across, down] = [p * u + q * v + x, r * u + s * v + y];
    if (Math.hypot(u, v) > RADIUS || Math.hypot(across, down) > RADIUS) continue;
    const under = place(down) * COLOUR_SIDE + place(across);
    for (let c = 0; c < 3; c++) {
      const [own, other] = [a[i * 3 + c]!, b[under * 3 + c]!];
      count++;
      sumA += own;
      sumB += other;
      squaresA += own * own;
      squaresB += other * other;
      products += own * other;
    }
  }
  const spread = (squaresA - (sumA * sumA) / count) * (squaresB - (sumB * sumB) / count);
  return spread > 0 ? (products - (sumA * sumB) / count) / Math.sqrt(spread) : 0;
}

// Finds copies: equal files, the same image in another size or compression or changed (mirrored, rotated, cropped, other light) as by
// offline augmentation, and frames of a camera that hardly moved. Does not match images that only show similar things: the fine
// detail of two images must coincide.

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
