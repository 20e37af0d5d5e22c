/**
 * The frozen part of a network: opens it up to the features or up to a freeze boundary, and fills a store with its outputs for the views of
 * images ({@link fill}, the only loop over images; features are a boundary with one view). One run of it is in features/compute.ts.
 */
import { mapAhead, once } from "../base/concurrency.ts";
import { dataError, isDataError, messageOf } from "../base/errors.ts";
import { createMeter } from "../base/progress.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { type CutShape, FEATURES, PIXELS, pixelDims, preparationModel } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import type { Model } from "../onnx/model.ts";
import { type Elements, openSession, type Session } from "../onnx/session/session.ts";
import type { Environment, Listening, Measures, Passing } from "./environment.ts";
import {
  type Computed,
  type Computer,
  computeImages,
  FEWEST_IMAGES,
  IMAGES_A_CALL,
  joinedBytes,
  type Lanes,
  runFrozen,
  type Wanted,
} from "./features/compute.ts";
import { type RowTable, tableOfRecords } from "./features/feature-table.ts";
import type { ImageSource, LoadedImage, Location, RecordStore } from "./features/images-and-records.ts";
import { type Boundary, frozenModel, STORED } from "./finetune/trainable-part.ts";

export interface FrozenPart extends Computer {
  /** Threads that compute many images faster than the calling thread; undefined where they would not. `close` ends them. */
  lanes?(): Lanes | undefined;
  close(): Promise<void>;
}

/** A network up to its features, in full precision. */
export interface FrozenFeatures extends FrozenPart {
  prepare(image: RgbImage): Promise<Float32Array>;
  /** `[N, D]` */
  forward(prepared: readonly Elements[]): Promise<Float32Array>;
}

/**
 * Prepares a network up to its features; sessions open on first use.
 *
 * @param modelOf makes the model from {@link PIXELS} to {@link FEATURES}
 */
export function frozenFeatures(
  network: Pick<Network, "preprocessing">,
  modelOf: () => Model,
  { open, startLanes }: Pick<Environment, "open" | "startLanes">,
): FrozenFeatures {
  const inputDims = pixelDims(network, 1).slice(1);
  const preparation = (): Uint8Array => preparationModel(network.preprocessing);
  const model = once(modelOf);
  const part = runFrozen({
    inputDims,
    preparation: () => openSession(preparation(), { threads: 1 }),
    network: () => open(model()),
    output: FEATURES,
  });
  let lanes: Lanes | undefined;
  return {
    ...(part as FrozenFeatures),
    lanes() {
      lanes ??= startLanes?.(model(), { preparation: preparation(), inputDims });
      return lanes;
    },
    async close() {
      await part.close();
      await lanes?.close();
    },
  };
}

/**
 * Prepares a network up to its freeze boundary; sessions open on first use. `forward` throws
 * {@link import("./features/compute.ts").TooLarge} if half precision cannot represent an activation.
 */
export function frozenUntil(
  boundary: Boundary,
  network: Network,
  shape: CutShape,
  { open, batch }: Pick<Environment, "open" | "batch">,
): FrozenPart {
  const { preprocessing } = network;
  const preparing = (how: Network["preprocessing"]) => (): Promise<Session> => {
    const model = boundary.isPixels
      ? encodeModelWhole(frozenModel({ ...network, preprocessing: how }, shape, boundary))
      : preparationModel(how);
    return openSession(model, { threads: 1 });
  };
  return runFrozen({
    inputDims: pixelDims(network, 1).slice(1),
    preparation: preparing(preprocessing),
    viewPreparation:
      preprocessing.fit.kind === "stretch" ? undefined : preparing({ ...preprocessing, fit: { kind: "stretch" } }),
    prepared: boundary.isPixels ? STORED : PIXELS,
    network: boundary.isPixels ? undefined : () => open(frozenModel(network, shape, boundary)),
    output: STORED,
    runSize: batch,
  });
}

/** An image whose views are wanted in the store. */
export interface FillImage {
  readonly source: ImageSource;
  /** Its digest if it was loaded before: then it is an error if the image has changed or cannot be read. */
  readonly digest?: string | undefined;
}

/** The views of each image that the store keeps. */
export interface Views {
  readonly count: number;
  /** The name of a view in the store: everything that its pixels depend on besides the image. */
  readonly keyOf: (view: number) => string;
  /** Renders views; default: the image itself. */
  readonly of?: ((image: RgbImage, digest: string) => (view: number) => RgbImage) | undefined;
}

/** An image as the network's preprocessing shows it. */
const PLAIN: Views = { count: 1, keyOf: () => "" };

export interface FillOptions extends Listening, Partial<Passing> {
  readonly frozen: FrozenPart;
  readonly store: RecordStore;
  /** Default: the image as the network's preprocessing shows it. */
  readonly views?: Views | undefined;
  /** The name of the stage in progress reports. */
  readonly stage: string;
  /** Stores the measures of images that are decoded anyway, so that they are not decoded again. */
  readonly measures?: Measures | undefined;
}

export interface FillResult {
  /** `[images][views]`: where the records are stored; empty for an unreadable image. */
  readonly locations: readonly (readonly Location[])[];
  /** By position; undefined for images that could not be loaded. */
  readonly digests: readonly (string | undefined)[];
  /** Why an image is unreadable, by its position, in ascending order. */
  readonly unreadable: ReadonlyMap<number, string>;
  /** Views that the frozen part computed, and views that the store already had. */
  readonly computed: number;
  readonly stored: number;
  /** Seconds of decoding and preparing, divided by the number of threads; includes waiting for cores. */
  readonly decodeSeconds: number;
  /** Seconds inside the frozen part, divided by the number of threads. */
  readonly forwardSeconds: number;
}

/** A loaded image with the views that the store does not have. */
interface Loaded {
  readonly item: number;
  readonly image: LoadedImage;
  readonly missing: readonly number[];
}

/** Maximum bytes of loaded files that wait to be computed. */
const MOST_BYTES = 64 << 20;

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/**
 * Finds the views of every image in the store, or computes them: loads images ahead, computes several calls at once, and stores the results
 * in the order of the images. Memory holds only the images in progress.
 *
 * @throws GraftError (`data`) if an image with a known digest has changed or cannot be read; the signal's reason if it was aborted
 */
export async function fill(images: readonly FillImage[], options: FillOptions): Promise<FillResult> {
  const { frozen, store, views = PLAIN, stage, measures, onProgress, signal } = options;
  const { batch = 16, loadsAhead = 4, runsAhead = 2, pause } = options;
  const keys = Array.from({ length: views.count }, (_, view) => views.keyOf(view));
  const locations: Location[][] = images.map(() => []);
  const digests = images.map(({ digest }) => digest);
  const unreadable: [number, string][] = [];
  let [decodeSeconds, forwardSeconds, computed] = [0, 0, 0];

  /** Notes the views of an image that the store has, and returns the others. */
  const missingViews = (item: number, digest: string): number[] =>
    keys.flatMap((view, number) => {
      const at = store.find({ digest, view });
      if (at) locations[item]![number] = at;
      return at ? [] : [number];
    });
  // Images with a known digest whose views are all stored need not even be loaded.
  const known = images.map(({ digest }, item) => (digest === undefined ? undefined : missingViews(item, digest)));
  const from = known.reduce((sum, missing) => sum + (missing ? views.count - missing.length : 0), 0);
  let stored = from;
  const unit = views.of ? "views" : "images";
  const meter = createMeter({ stage, unit, total: images.length * views.count, from, onProgress });

  /** Loads an image; undefined if nothing of it needs to be computed. */
  const load = async (item: number): Promise<Loaded | undefined> => {
    const { source, digest } = images[item]!;
    try {
      const image = await source.load();
      if (digest !== undefined && image.digest !== digest)
        throw dataError(`${source.name} changed during the training: run the same command again.`);
      digests[item] = image.digest;
      const missing = known[item] ?? missingViews(item, image.digest);
      if (missing.length > 0) return { item, image, missing };
      stored += views.count;
    } catch (error) {
      if (!isDataError(error) || digest !== undefined) throw error;
      unreadable.push([item, messageOf(error)]);
    }
    meter.add(views.count);
    return undefined;
  };

  const wantedOf = ({ image, missing }: Loaded): Wanted => ({
    use: image.use,
    views:
      views.of &&
      function* (pixels) {
        const render = views.of!(pixels, image.digest);
        for (const view of missing) yield render(view);
      },
    measure: measures?.lacks(image.digest) ? (pixels) => measures.measure(pixels, image.bytes) : undefined,
  });

  /** Stores the results of one call. */
  const keep = (some: readonly Loaded[], results: readonly Computed[]): void => {
    const done: Loaded[] = [];
    const records: Uint8Array[] = [];
    results.forEach((result, i) => {
      const { item, image, missing } = some[i]!;
      meter.add(missing.length);
      if ("unreadable" in result) {
        if (images[item]!.digest !== undefined) throw dataError(result.unreadable);
        unreadable.push([item, result.unreadable]);
        return;
      }
      if (result.measured) measures?.add(image.digest, result.measured);
      done.push(some[i]!);
      records.push(result.records);
    });
    if (done.length === 0) return;
    const newKeys = done.flatMap(({ image: { digest }, missing }) =>
      missing.map((number) => ({ digest, view: keys[number]! })),
    );
    const added = store.add(newKeys, joinedBytes(records)).values();
    for (const { item, missing } of done) for (const number of missing) locations[item]![number] = added.next().value!;
    computed += newKeys.length;
  };

  /** Calls in progress, in the order of the images; each resolves to a function that stores its results. */
  const running: Promise<() => void>[] = [];
  let lanes: Lanes | undefined;
  const start = (some: readonly Loaded[]): void => {
    const wanted = some.map(wantedOf);
    const work = lanes
      ? lanes.compute(some.map(({ image }, i) => ({ bytes: image.bytes!, measure: wanted[i]!.measure !== undefined })))
      : computeImages(frozen, wanted, batch);
    const threads = lanes?.count ?? 1;
    const finished = work.then((found) => () => {
      decodeSeconds += found.decodeSeconds / threads;
      forwardSeconds += found.forwardSeconds / threads;
      keep(some, found.images);
    });
    // A failure is thrown when its turn comes; until then it must not count as an unhandled rejection.
    finished.catch(() => {});
    running.push(finished);
  };
  /** Finishes the oldest calls until at most `count` are in progress. */
  const finishUntil = async (count: number): Promise<void> => {
    while (running.length > count) {
      (await running.shift()!)();
      await pause?.();
      signal?.throwIfAborted();
    }
  };

  // The number of images whose views fill whole batches.
  const perCall = batch / divisor(batch, views.count);
  const toLoad = [...images.keys()].filter((item) => known[item]?.length !== 0);
  let waiting: Loaded[] = [];
  let waitingBytes = 0;
  for await (const loaded of mapAhead(toLoad, loadsAhead, load)) {
    signal?.throwIfAborted();
    if (!loaded) continue;
    waiting.push(loaded);
    waitingBytes += loaded.image.bytes?.length ?? 0;
    if (waiting.length < perCall && waitingBytes < MOST_BYTES && !(lanes && waiting.length >= IMAGES_A_CALL)) continue;
    const isMany = !views.of && loaded.image.bytes && images.length - stored >= FEWEST_IMAGES;
    if (isMany) lanes ??= frozen.lanes?.();
    const size = lanes ? IMAGES_A_CALL : perCall;
    for (let first = 0; first < waiting.length; first += size) {
      await finishUntil((lanes?.calls ?? runsAhead) - 1);
      start(waiting.slice(first, first + size));
    }
    [waiting, waitingBytes] = [[], 0];
  }
  if (waiting.length > 0) start(waiting);
  await finishUntil(0);
  return {
    locations,
    digests,
    unreadable: new Map(unreadable.sort(([a], [b]) => a - b)),
    computed,
    stored,
    decodeSeconds,
    forwardSeconds,
  };
}

/** The features of the readable images. */
export interface Features extends Omit<FillResult, "locations"> {
  /** `[kept.length, D]` */
  readonly table: RowTable;
  /** Positions of the readable images: row i of the table is image `kept[i]`. */
  readonly kept: readonly number[];
}

/** Finds the features of images in the store, or computes them. */
export async function fillFeatures(
  images: readonly FillImage[],
  columns: number,
  options: Omit<FillOptions, "views" | "stage">,
): Promise<Features> {
  const { locations, ...filled } = await fill(images, { ...options, stage: "Reading features" });
  const kept = [...images.keys()].filter((item) => !filled.unreadable.has(item));
  const rows = kept.map((item) => locations[item]![0]!);
  return { ...filled, kept, table: tableOfRecords(options.store, rows, columns) };
}
