/**
 * How much of the boundary is kept: as many views as the storage budget allows, on disk and in the memory that the system reads the
 * disk through; and where even one view of each image is too much, the pixels instead, from which the frozen part is computed again in
 * every step.
 */
import { dataError } from "../../base/errors.ts";
import type { StorageBudget } from "../environment.ts";
import { inGigabytes } from "./memory.ts";
import { type Boundary, storedBytes } from "./trainable-part.ts";

/** What is kept of every training image, and how much that is. */
export interface Storage {
  readonly boundary: Boundary;
  readonly views: number;
  readonly bytes: number;
}

/**
 * Chooses what to keep.
 *
 * @param images to train on
 * @param judged further images of which one view is kept
 * @param wanted views of each, at most
 * @throws GraftError (`data`) where the budget does not suffice for the pixels either
 */
export function chooseStorage(
  boundary: Boundary,
  pixels: Boundary,
  { images, judged, wanted }: { readonly images: number; readonly judged: number; readonly wanted: number },
  budget: StorageBudget,
): Storage {
  const fits = [boundary, pixels].find((one) => storedBytes(one) * (images + judged) <= budget.disk);
  if (!fits) {
    throw dataError(
      `One view of each of ${images + judged} images takes ${inGigabytes(storedBytes(pixels) * (images + judged))}, and ${inGigabytes(budget.disk)} of disk may be used for it: free some space, or set GRAFT_CACHE to a folder on another disk.`,
    );
  }
  const perView = storedBytes(fits) * images;
  const views = Math.max(
    1,
    Math.min(wanted, Math.floor((Math.min(budget.disk, budget.memory) - judged * storedBytes(fits)) / perView)),
  );
  return { boundary: fits, views, bytes: views * perView };
}

/** What was chosen, in words. */
export function storageText(
  { boundary, views, bytes }: Storage,
  wanted: Boundary,
  { images, budget }: { readonly images: number; readonly budget: StorageBudget },
): string {
  const amount = `${inGigabytes(bytes)} as ${boundary.stored}, of ${inGigabytes(Math.min(budget.disk, budget.memory))} that may be used`;
  const kept = `${views === 1 ? "one view" : `${views} views`} of each of ${images} images (${amount})`;
  if (!boundary.isPixels)
    return `The frozen part, up to "${boundary.called}", runs once for ${kept}; epochs read its outputs.`;
  if (wanted.isPixels)
    return `All stages train, so nothing of the network can be computed beforehand: kept are the pixels of ${kept}.`;
  return `What the frozen part outputs at "${wanted.called}" is too large to keep, so that it runs in every step: kept are the pixels of ${kept}.`;
}
