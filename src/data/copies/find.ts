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
export type Kinship = "same file" | "same picture" | "changed";

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

export interface FindOptions {
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
  { onPictures, signal }: FindOptions = {},
): Promise<Copies> {
  const sets = disjointSets(pictures.length);
  const links: Link[] = [];
  const first = new Map<string, number>();
  const distinct: number[] = [];
  for (const [i, { digest }] of pictures.entries()) {
    const same = first.get(digest);
    if (same !== undefined) {
      sets.join(same, i);
      links.push({ a: same, b: i, kinship: "same file", likeness: 1 });
    } else {
      first.set(digest, i);
      distinct.push(i);
    }
  }
  const signatureOf = (i: number): Signature => pictures[distinct[i]!]!.signature;
  const printAt = remembering((i: number): Print => printOf(signatureOf(i).colour), distinct.length);
  const levelsAt = remembering((i: number): Levels => levelsOf(signatureOf(i).detail), MOST_LEVELS);
  const candidates = await candidatesAmong(
    distinct.map((_, i) => signatureOf(i).detail),
    { ...(onPictures ? { onPictures } : {}), signal },
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
  let compared = 0;
  for (const [at, { a, b, start }] of candidates.entries()) {
    if (at % PAIRS_AT_ONCE === 0) {
      signal?.throwIfAborted();
      await nextTask();
    }
    const [one, other] = [distinct[a]!, distinct[b]!];
    if (sets.root(one) === sets.root(other)) continue;
    compared++;
    const link = linkOf(a, b, start);
    if (!link) continue;
    sets.join(one, other);
    links.push({ a: Math.min(one, other), b: Math.max(one, other), ...link });
  }
  return { groups: sets.groups(), links, compared };
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
