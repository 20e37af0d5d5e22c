/**
 * How much of the boundary is kept: as many views as the storage budget allows, on disk and in the memory that the system reads the
 * disk through; and where even one view of each image is too much, the pixels instead, from which the frozen part is computed again in
 * every step.
 */
import { dataError } from "../../base/errors.ts";
import { viewsOf } from "../../data/image/augment/render.ts";
import type { Environment, StorageBudget } from "../environment.ts";
import { TooLarge } from "../features/compute.ts";
import type { KnownImage, Location, RecordStore } from "../features/images-and-records.ts";
import { fill, frozenUntil, type Views } from "../frozen.ts";
import { inGigabytes } from "./engine.ts";
import type { Choices, FinetuneInput, Labelled } from "./finetune-contract.ts";
import type { Recipe } from "./recipe.ts";
import { type Boundary, pixelBoundary, type StoredType, storedBytes } from "./trainable-part.ts";

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

// What one fine-tuning keeps of its images: how much of it, by the storage budget, and the filling of it with training, validation and
// test images.

/** Everything that is stored, and where. */
export interface Stored {
  readonly records: RecordStore;
  /** Views of each training image. */
  readonly views: number;
  /** `[images][views]` */
  readonly train: readonly (readonly Location[])[];
  readonly validation: readonly Location[];
  readonly test: readonly Location[];
  /** Views that went through the frozen part now, and the seconds that it ran. */
  readonly computed: number;
  readonly seconds: number;
}

/** An image as it is, which is what validation and test see. */
const CENTRE: Views = { count: 1, keyOf: () => "centre" };

/**
 * Computes, or finds in the store, what is kept of all images: `views` augmented views of those to train on (their centre alone where
 * the augmentation is none), the centre of the others. The store is to be closed by the caller.
 *
 * @throws TooLarge where half precision does not hold an activation
 */
async function storeImages(
  { network, shape, train, validation, test, seed, onProgress, signal }: FinetuneInput,
  environment: Environment,
  boundary: Boundary,
  { augmentation: { name, policy } }: Recipe,
  count: number,
): Promise<Stored> {
  const records = await environment.openBoundary(network, boundary);
  const frozen = frozenUntil(boundary, network, shape, environment);
  const { fit, size } = network.preprocessing;
  const isVaried = name !== "none";
  const varied: Views = {
    count,
    keyOf: (view) => JSON.stringify([policy, seed, view]),
    of: (image, digest) => viewsOf(image, digest, { policy, frame: fit, size, seed }),
  };
  const doing = boundary.isPixels ? "Rendering" : "Running the frozen part on";
  let [computed, seconds] = [0, 0];
  const filled = async (images: readonly KnownImage[], views: Views, what: string) => {
    const found = await fill(images, {
      ...environment,
      ...{ frozen, store: records, views, stage: `${doing} ${what}`, onProgress, signal },
    });
    computed += found.computed;
    seconds += found.forwardSeconds;
    return found.locations;
  };
  const centres = async (images: readonly KnownImage[], what: string): Promise<Location[]> =>
    (await filled(images, CENTRE, what)).map(([one]) => one!);
  try {
    return {
      records,
      views: isVaried ? count : 1,
      train: await filled(train.images, isVaried ? varied : CENTRE, "the training images"),
      validation: await centres(validation.images, "the validation images"),
      test: await centres(test.images, "the test images"),
      computed,
      seconds,
    };
  } catch (error) {
    records.close();
    throw error;
  } finally {
    await frozen.close();
  }
}

/** Chooses what to keep, or keeps to what was chosen before, and computes it; in full precision where half does not reach. */
export async function storedFor(
  input: FinetuneInput,
  environment: Environment,
  recipe: Recipe,
  boundary: (stored: StoredType) => Boundary,
  before: Choices | undefined,
  first: "float16" | "float32",
): Promise<{ storage: Storage; stored: Stored }> {
  const { network, onNote } = input;
  const budget = await environment.storageBudget();
  const pixels = pixelBoundary(network);
  const { images, judged } = countImages(input, recipe);
  const attempt = async (type: StoredType): Promise<{ storage: Storage; stored: Stored }> => {
    const wanted = boundary(type);
    const chosen = chooseStorage(wanted, pixels, { images, judged, wanted: recipe.views }, budget);
    const storage = before
      ? { ...chosen, boundary: before.tensor === pixels.tensor ? pixels : wanted, views: before.views }
      : chosen;
    onNote?.(storageText(storage, wanted, { images, budget }));
    return { storage, stored: await storeImages(input, environment, storage.boundary, recipe, storage.views) };
  };
  try {
    return await attempt(first);
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    onNote?.("The frozen part's outputs are too large for half precision: they are kept in full precision.");
    return attempt("float32");
  }
}

/** Images that are learned from, and those that are kept as they are to judge by, in all trainings of a fine-tuning. */
function countImages({ further = [], test, ...first }: FinetuneInput, { augmentation: { name } }: Recipe) {
  const distinct = (parts: readonly Labelled[]): Set<string> =>
    new Set(parts.flatMap((part) => part.images.map(({ digest }) => digest)));
  const learned = distinct([first, ...further].map(({ train }) => train));
  const judged = distinct([test, ...[first, ...further].map(({ validation }) => validation)]);
  const apart = name === "none" ? [...judged].filter((digest) => !learned.has(digest)) : [...judged];
  return { images: learned.size, judged: apart.length };
}
