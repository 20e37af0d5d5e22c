/**
 * How much of the boundary is kept: as many views as there is room for, on disk and in the memory that the system reads the
 * disk through; and where even one view of each picture is too much, the pixels instead, from which the frozen part is
 * computed anew in every step.
 */
import { dataError } from "../../base/errors.ts";
import { inGigabytes } from "./memory.ts";
import { type Boundary, storedBytes } from "./tail.ts";

/** Bytes that may be used. */
export interface Room {
  readonly disk: number;
  readonly memory: number;
}

/** What is kept of every training picture, and how much that is. */
export interface Storage {
  readonly boundary: Boundary;
  readonly views: number;
  readonly bytes: number;
}

/**
 * Chooses what to keep.
 *
 * @param pictures to train on
 * @param wanted views of each, at most
 * @throws GraftError (`data`) where there is no room for the pixels either
 */
export function chooseStorage(
  boundary: Boundary,
  pixels: Boundary,
  { pictures, wanted }: { readonly pictures: number; readonly wanted: number },
  room: Room,
): Storage {
  const fits = [boundary, pixels].find((one) => storedBytes(one) * pictures <= room.disk);
  if (!fits) {
    throw dataError(
      `One view of each of ${pictures} pictures takes ${inGigabytes(storedBytes(pixels) * pictures)}, and ${inGigabytes(room.disk)} of disk may be used for it: free some space, or set GRAFT_CACHE to a folder on another disk.`,
    );
  }
  const perView = storedBytes(fits) * pictures;
  const views = Math.max(1, Math.min(wanted, Math.floor(Math.min(room.disk, room.memory) / perView)));
  return { boundary: fits, views, bytes: views * perView };
}

/** What was chosen, in words. */
export function storageText(
  { boundary, views, bytes }: Storage,
  wanted: Boundary,
  { pictures, room }: { readonly pictures: number; readonly room: Room },
): string {
  const amount = `${inGigabytes(bytes)} as ${boundary.stored}, of ${inGigabytes(Math.min(room.disk, room.memory))} that may be used`;
  const kept = `${views === 1 ? "one view" : `${views} views`} of each of ${pictures} pictures (${amount})`;
  if (!boundary.isPixels)
    return `The frozen part, up to "${boundary.called}", runs once for ${kept}; epochs read its outputs.`;
  if (wanted.isPixels)
    return `All stages train, so nothing of the network can be computed beforehand: kept are the pixels of ${kept}.`;
  return `What the frozen part yields at "${wanted.called}" is too large to keep, so that it runs in every step: kept are the pixels of ${kept}.`;
}
