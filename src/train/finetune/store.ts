/** The boundary cache of one fine-tuning: where it is, how much it keeps, and the filling of it with training, validation and test pictures. */
import { join } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { makeFolder, sha256 } from "../../base/files.ts";
import type { OnProgress } from "../../base/progress.ts";
import { openModel } from "../../runtime/open-model.ts";
import type { CutShape } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { preparationModel } from "../../zoo/preparation.ts";
import { noteAbout } from "../features/about.ts";
import { type Location, openRecordCache, type RecordCache } from "../features/records.ts";
import type { Choices } from "./checkpoint.ts";
import { FULL_PRECISION, openFront, TooLarge } from "./front.ts";
import type { FinetuneInput } from "./input.ts";
import { roomIn } from "./machine.ts";
import type { Recipe } from "./recipe.ts";
import { chooseStorage, type Storage, storageText } from "./room.ts";
import { type Boundary, pixelBoundary, type StoredType, storedBytes } from "./tail.ts";
import { fillViews, type Picture } from "./views.ts";

/** Everything that is stored, and where. */
export interface Stored {
  readonly cache: RecordCache;
  /** Views of each training picture. */
  readonly views: number;
  /** `[pictures][views]` */
  readonly train: readonly (readonly Location[])[];
  readonly validation: readonly Location[];
  readonly test: readonly Location[];
  /** Views that went through the front now, and the seconds that it ran. */
  readonly computed: number;
  readonly seconds: number;
}

export interface StoreOptions {
  readonly network: Network;
  readonly shape: CutShape;
  readonly train: readonly Picture[];
  readonly validation: readonly Picture[];
  readonly test: readonly Picture[];
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Pictures of a run of the front. Part of the cache's key: what comes out may differ in the last bit with it. */
const FRONT_BATCH = 16;

/** The parent of all boundary caches. */
export const boundaryCaches = (): string => join(cacheFolder(), "boundary");

/** The cache's folder for a network, boundary and preprocessing; a view's key names the picture, policy and seed. */
function folderOf({ sha256: weights, cut, preprocessing }: Network, { tensor, stored }: Boundary): string {
  const key = JSON.stringify([weights, cut, tensor, stored, sha256(preparationModel(preprocessing)), FRONT_BATCH]);
  return join(boundaryCaches(), sha256(key).slice(0, 32));
}

/**
 * Computes, or finds in the cache, what is stored of all pictures: `views` augmented views of those to train on (their
 * centre alone where the augmentation is none), the centre of the others. The cache is to be closed by the caller.
 *
 * @throws TooLarge where half precision does not hold an activation
 */
export async function storePictures(
  { network, shape, train, validation, test, seed, onProgress, signal }: StoreOptions,
  boundary: Boundary,
  { augmentation }: Recipe,
  views: number,
): Promise<Stored> {
  const folder = folderOf(network, boundary);
  const cache = await openRecordCache(folder, storedBytes(boundary));
  await noteAbout(folder, `${network.name} at ${boundary.called}, ${boundary.stored}`);
  const front = openFront(network, shape, boundary, FRONT_BATCH, openModel);
  const common = { augmentation, preprocessing: network.preprocessing, seed, batch: FRONT_BATCH, onProgress, signal };
  const doing = boundary.isPixels ? "Rendering" : "Running the frozen part on";
  let computed = 0;
  const filled = async (pictures: readonly Picture[], count: number, what: string) => {
    const filling = await fillViews(pictures, cache, front, { ...common, views: count, stage: `${doing} ${what}` });
    computed += filling.computed;
    return filling.locations;
  };
  const centres = async (pictures: readonly Picture[], what: string): Promise<Location[]> =>
    (await filled(pictures, 0, what)).map(([one]) => one!);
  try {
    const isVaried = augmentation.name !== "none";
    return {
      cache,
      views: isVaried ? views : 1,
      train: await filled(train, isVaried ? views : 0, "the training pictures"),
      validation: await centres(validation, "the validation pictures"),
      test: await centres(test, "the test pictures"),
      computed,
      seconds: front.seconds,
    };
  } catch (error) {
    cache.close();
    throw error;
  } finally {
    await front.close();
  }
}

/** Chooses what to keep, or keeps to what was chosen before, and computes it; in full precision where half does not reach. */
export async function storedFor(
  input: FinetuneInput,
  recipe: Recipe,
  boundary: (stored: StoredType) => Boundary,
  before: Choices | undefined,
  first: "float16" | "float32",
): Promise<{ storage: Storage; stored: Stored }> {
  const { network, train, onNote } = input;
  await makeFolder(boundaryCaches());
  const room = await roomIn(boundaryCaches());
  const pixels = pixelBoundary(network);
  const attempt = async (type: StoredType): Promise<{ storage: Storage; stored: Stored }> => {
    const wanted = boundary(type);
    const pictures = train.labels.length;
    const chosen = chooseStorage(wanted, pixels, { pictures, wanted: recipe.views }, room);
    const storage = before
      ? { ...chosen, boundary: before.tensor === pixels.tensor ? pixels : wanted, views: before.views }
      : chosen;
    onNote?.(storageText(storage, wanted, { pictures, room }));
    const { pictures: validation } = input.validation;
    const { pictures: test } = input.test;
    const stored = await storePictures(
      { ...input, train: train.pictures, validation, test },
      storage.boundary,
      recipe,
      storage.views,
    );
    return { storage, stored };
  };
  try {
    return await attempt(first);
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    onNote?.(FULL_PRECISION);
    return attempt("float32");
  }
}
