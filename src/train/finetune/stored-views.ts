/**
 * Stores the images of a fine-tuning: as many views of the boundary's values as the storage budget allows; or, if even one view of each image is
 * too much, the pixels, from which every step computes the frozen part again. The loop over images is in features/fill-records.ts.
 */
import { dataError } from "../../base/errors.ts";
import { viewsOf } from "../../data/image/augment/render.ts";
import type { Environment, StorageBudget } from "../environment.ts";
import { TooLarge } from "../features/compute.ts";
import { fill, type Views } from "../features/fill-records.ts";
import type { KnownImage, Location, RecordStore } from "../features/images-and-records.ts";
import { frozenUntil } from "../frozen.ts";
import type { Choices, FinetuneInput, Labelled } from "./finetune-contract.ts";
import type { Recipe } from "./recipe.ts";
import { inGigabytes } from "./step-engine.ts";
import { type Boundary, pixelBoundary, type StoredType, storedBytes } from "./trainable-part.ts";

/** What is stored of every training image, and its size. */
export interface Storage {
  readonly boundary: Boundary;
  readonly views: number;
  readonly bytes: number;
}

/**
 * Chooses what to store.
 *
 * @param images number of training images
 * @param evaluated number of further images, of which one view is stored
 * @param wanted maximum views of each training image
 * @throws GraftError (`data`) if the budget does not suffice for the pixels either
 */
export function chooseStorage(
  boundary: Boundary,
  pixels: Boundary,
  { images, evaluated, wanted }: { readonly images: number; readonly evaluated: number; readonly wanted: number },
  budget: StorageBudget,
): Storage {
  const fits = [boundary, pixels].find((one) => storedBytes(one) * (images + evaluated) <= budget.disk);
  if (!fits) {
    throw dataError(
      `One view of each of ${images + evaluated} images takes ${inGigabytes(storedBytes(pixels) * (images + evaluated))}, and ${inGigabytes(budget.disk)} of disk may be used for it: free some space, or set GRAFT_CACHE to a folder on another disk.`,
    );
  }
  const perView = storedBytes(fits) * images;
  const views = Math.max(
    1,
    Math.min(wanted, Math.floor((Math.min(budget.disk, budget.memory) - evaluated * storedBytes(fits)) / perView)),
  );
  return { boundary: fits, views, bytes: views * perView };
}

/** What was chosen, in one sentence. */
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

/** Everything that is stored, and where. */
export interface Stored {
  readonly records: RecordStore;
  /** Views of each training image. */
  readonly views: number;
  /** `[images][views]` */
  readonly train: readonly (readonly Location[])[];
  readonly validation: readonly Location[];
  readonly test: readonly Location[];
  /** Views that the frozen part computed, and its seconds. */
  readonly computed: number;
  readonly seconds: number;
}

/** An image without augmentation, for validation and test. */
const CENTRE: Views = { count: 1, keyOf: () => "centre" };

/**
 * Finds the records of all images in the store, or computes them: `count` augmented views of training images (only the centre without
 * augmentation), and the centre of the others. The caller closes the store.
 *
 * @throws TooLarge if half precision cannot represent an activation
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

/**
 * Chooses what to store, or keeps the choice of a checkpoint, and stores it; in full precision if the range of half precision is too small.
 */
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
  const { images, evaluated } = countImages(input, recipe);
  const attempt = async (type: StoredType): Promise<{ storage: Storage; stored: Stored }> => {
    const wanted = boundary(type);
    const chosen = chooseStorage(wanted, pixels, { images, evaluated, wanted: recipe.views }, budget);
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

/** Counts the training images, and those stored without augmentation for validation and test, in all trainings of a fine-tuning. */
function countImages({ further = [], test, ...first }: FinetuneInput, { augmentation: { name } }: Recipe) {
  const distinct = (parts: readonly Labelled[]): Set<string> =>
    new Set(parts.flatMap((part) => part.images.map(({ digest }) => digest)));
  const learned = distinct([first, ...further].map(({ train }) => train));
  const evaluated = distinct([test, ...[first, ...further].map(({ validation }) => validation)]);
  const apart = name === "none" ? [...evaluated].filter((digest) => !learned.has(digest)) : [...evaluated];
  return { images: learned.size, evaluated: apart.length };
}
