/**
 * What one fine-tuning keeps of its images: how much of it, by the storage budget, and the filling of it with training, validation and
 * test images.
 */
import { viewsOf } from "../../data/augment/views.ts";
import type { Environment } from "../environment.ts";
import { TooLarge } from "../features/compute.ts";
import type { Location, RecordStore } from "../features/record-store.ts";
import { fill, type Views } from "../frozen.ts";
import { FULL_PRECISION, frozenUntil } from "../frozen-part.ts";
import type { KnownImage } from "../image-source.ts";
import type { Choices, FinetuneInput, Labelled } from "./input.ts";
import type { Recipe } from "./recipe.ts";
import { chooseStorage, type Storage, storageText } from "./storage.ts";
import { type Boundary, pixelBoundary, type StoredType } from "./trainable-part.ts";

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
    onNote?.(FULL_PRECISION);
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
