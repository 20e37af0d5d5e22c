/**
 * Finding pictures that are one picture: the same file, the same picture in another size or compression, or changed (mirrored, turned,
 * cropped, in other light) as an export that multiplies a dataset changes it, and frames of a camera that hardly moved. What is
 * alike in kind is not meant: two pictures count as one where what is fine in them lies on top of each other.
 */
import { nextTask } from "../../base/concurrency.ts";
import { align } from "./align.ts";
import { candidatesAmong } from "./candidates.ts";
import { alignedColours } from "./colours.ts";
import { type Levels, levelsOf } from "./levels.ts";
import { COPY_LIKENESS, isTelling, likeness, type Print, printOf } from "./likeness.ts";
import type { Pose } from "./pose.ts";
import { disjointSets } from "./sets.ts";
import type { Signature } from "./signature.ts";

/** What makes two pictures one. */
export const kinships = ["same file", "same picture", "changed"] as const;
export type Kinship = (typeof kinships)[number];

/** Two pictures, by their numbers, that are one. */
export interface Link {
  readonly a: number;
  readonly b: number;
  readonly kinship: Kinship;
  /** 1 for equal files; else how well they agree, up to 1. */
  readonly likeness: number;
}

export interface Copies {
  /** Groups of two or more, each in ascending order: positions in the list given. */
  readonly groups: readonly (readonly number[])[];
  /** Enough of them to hold each group together. */
  readonly links: readonly Link[];
  /** Pairs of pictures that were compared closely. */
  readonly compared: number;
}

/** Links among different files that were found before, so that the same files are not searched again. */
export interface KnownCopies {
  /** What was found among the files with these digests; nothing where they were not searched together yet. */
  read(digests: readonly string[]): Promise<LinksAmong | undefined>;
  write(digests: readonly string[], found: LinksAmong): Promise<void>;
}

/** Links by positions in a list of different files, and how many pairs were compared to find them. */
export type LinksAmong = Pick<Copies, "links" | "compared">;

export interface FindOptions {
  /** What was found before, and where to keep what is found now. Default: nothing is kept. */
  readonly known?: KnownCopies | undefined;
  /** Told how many pictures more are done. */
  readonly onPictures?: ((more: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Colours may change with light, but a red heart is not a blue one. */
const LEAST_COLOURS = 0.8;
/** Pictures whose levels are kept for the next pair; those that were looked at closely take 60 kB, the others 3. */
const MOST_LEVELS = 4000;
/** Pairs between two turns of the event loop: some 50 ms. */
const PAIRS_AT_ONCE = 100;

/**
 * Groups pictures that are one.
 *
 * @param pictures files with equal `digest` are copies whatever is on them
 */
export async function findCopies(
  pictures: readonly { readonly digest: string; readonly signature: Signature }[],
  { known, onPictures, signal }: FindOptions = {},
): Promise<Copies> {
  const sets = disjointSets(pictures.length);
  const links: Link[] = [];
  const join = (link: Link): void => {
    sets.join(link.a, link.b);
    links.push(link);
  };
  const first = new Map<string, number>();
  for (const [i, { digest }] of pictures.entries()) {
    const same = first.get(digest);
    if (same === undefined) first.set(digest, i);
    else join({ a: same, b: i, kinship: "same file", likeness: 1 });
  }
  // In an order that does not depend on that of the list, so that the same files have the same links.
  const distinct = [...first].sort(([one], [other]) => (one < other ? -1 : 1));
  const digests = distinct.map(([digest]) => digest);
  let found = await known?.read(digests);
  if (found) onPictures?.(digests.length);
  else {
    const signatures = distinct.map(([, i]) => pictures[i]!.signature);
    found = await linksAmong(signatures, { onPictures, signal });
    await known?.write(digests, found);
  }
  for (const { a, b, ...link } of found.links) {
    const [one, other] = [distinct[a]![1], distinct[b]![1]];
    join({ a: Math.min(one, other), b: Math.max(one, other), ...link });
  }
  return { groups: sets.groups(), links, compared: found.compared };
}

/** The links among different files. */
async function linksAmong(
  signatures: readonly Signature[],
  { onPictures, signal }: Pick<FindOptions, "onPictures" | "signal">,
): Promise<LinksAmong> {
  const sets = disjointSets(signatures.length);
  const printAt = remembering((i: number): Print => printOf(signatures[i]!.colour), signatures.length);
  const levelsAt = remembering((i: number): Levels => levelsOf(signatures[i]!.detail), MOST_LEVELS);
  const candidates = await candidatesAmong(
    signatures.map(({ detail }) => detail),
    { onPictures, signal },
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

/** A function that remembers what it last returned, for so many arguments. */
function remembering<T>(of: (i: number) => T, most: number): (i: number) => T {
  const known = new Map<number, T>();
  return (i) => {
    const found = known.get(i) ?? of(i);
    // The last one asked for goes last.
    known.delete(i);
    known.set(i, found);
    if (known.size > most) known.delete(known.keys().next().value!);
    return found;
  };
}
