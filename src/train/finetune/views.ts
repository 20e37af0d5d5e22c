/**
 * The boundary cache: what the frozen part of a network yields for each picture's views, computed once and kept on disk under
 * the cache folder, where a later epoch, an interrupted run or the next one finds it. Reading is by the operating
 * system's page cache: what fits into memory is in memory. How many views there are is decided in recipe.ts.
 */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { mapAhead } from "../../base/concurrency.ts";
import { dataError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import type { Augmentation } from "../../data/augment/policy.ts";
import { viewsOf } from "../../data/augment/views.ts";
import { type RgbImage, withImage } from "../../data/decode.ts";
import type { Preprocessing } from "../../zoo/preprocessing.ts";
import type { Location, RecordCache } from "../features/records.ts";
import type { FrontRunner, Prepared } from "./front.ts";

/** A picture to be stored. */
export interface Picture {
  readonly path: string;
  /** SHA-256 of its file. */
  readonly digest: Buffer;
}

export interface FillOptions {
  /** Views of each picture; 0 for the one that the network's preprocessing shows. */
  readonly views: number;
  readonly augmentation: Augmentation;
  readonly preprocessing: Preprocessing;
  readonly seed: number;
  /** Pictures of a run of the front. */
  readonly batch: number;
  /** What the progress is called. */
  readonly stage: string;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where the views of each picture lie. */
export interface Views {
  /** `[pictures][views]` */
  readonly locations: readonly (readonly Location[])[];
  /** Views computed now; the others the cache had. */
  readonly computed: number;
}

/** The key of a view: the picture's own, and whatever its pixels depend on. */
function keyOf({ digest }: Picture, view: number, { views, augmentation, seed }: FillOptions): Buffer {
  const how = views === 0 ? "centre" : JSON.stringify([augmentation.policy, seed, view]);
  return createHash("sha256").update(digest).update(how).digest();
}

interface Missing {
  readonly picture: number;
  readonly view: number;
  readonly key: Buffer;
}

/** Finds the views of every picture in the cache, and computes those that are missing. */
export async function fillViews(
  pictures: readonly Picture[],
  cache: RecordCache,
  front: FrontRunner,
  options: FillOptions,
): Promise<Views> {
  const perPicture = Math.max(options.views, 1);
  const locations: Location[][] = pictures.map(() => []);
  const missing: Missing[][] = pictures.map((picture, index) =>
    Array.from({ length: perPicture }, (_, view) => ({
      picture: index,
      view,
      key: keyOf(picture, view, options),
    })).filter(({ view, key }) => {
      const at = cache.find(key);
      if (at) locations[index]![view] = at;
      return at === undefined;
    }),
  );
  const wanted = missing.filter((views) => views.length > 0);
  const total = wanted.reduce((sum, views) => sum + views.length, 0);
  const meter = createMeter({
    stage: options.stage,
    unit: options.views === 0 ? "images" : "views",
    total: pictures.length * perPicture,
    from: pictures.length * perPicture - total,
    onProgress: options.onProgress,
  });

  const read = async (views: readonly Missing[]): Promise<(Missing & { readonly prepared: Prepared })[]> => {
    const picture = pictures[views[0]!.picture]!;
    return withImage(await unchanged(picture), async (image) => {
      const view = rendererOf(image, picture, options);
      const prepared = [];
      for (const one of views)
        prepared.push({ ...one, prepared: await front.prepare(view(one.view), options.views > 0) });
      return prepared;
    });
  };
  let pending: Awaited<ReturnType<typeof read>> = [];
  const flush = async (): Promise<void> => {
    const now = pending.slice(0, options.batch);
    pending = pending.slice(options.batch);
    const rows = await front.forward(now.map(({ prepared }) => prepared));
    const at = cache.add(
      now.map(({ key }) => key),
      rows,
    );
    now.forEach(({ picture, view }, i) => {
      locations[picture]![view] = at[i]!;
    });
    meter.add(now.length);
  };
  for await (const views of mapAhead(wanted, availableParallelism(), read)) {
    options.signal?.throwIfAborted();
    pending.push(...views);
    while (pending.length >= options.batch) await flush();
  }
  if (pending.length > 0) await flush();
  return { locations, computed: total };
}

/** The file's bytes. Throws a data error where they are not those whose features were computed. */
async function unchanged({ path, digest }: Picture): Promise<Uint8Array> {
  const bytes = await readBytes(path);
  if (createHash("sha256").update(bytes).digest().equals(digest)) return bytes;
  throw dataError(`${path} changed while it was being learned from: run the same command again.`);
}

function rendererOf(
  image: RgbImage,
  { digest }: Picture,
  { views, augmentation, preprocessing, seed }: FillOptions,
): (view: number) => RgbImage {
  if (views === 0) return () => image;
  const { fit, size } = preprocessing;
  return viewsOf(image, digest.toString("hex"), { policy: augmentation.policy, frame: fit, size, seed });
}
