/** The frozen part of a network: up to its features, or up to a freeze boundary. How it runs is in compute.ts. */
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
  /** Threads that compute many images faster than this one; nothing where they would not. Open until `close`. */
  lanes?(): Lanes | undefined;
  close(): Promise<void>;
}

/** A network up to its features, which are in full precision. */
export interface FrozenFeatures extends FrozenPart {
  prepare(image: RgbImage): Promise<Float32Array>;
  /** `[N, D]` */
  forward(prepared: readonly Elements[]): Promise<Float32Array>;
}

/** What is said when {@link import("./features/compute.ts").TooLarge} is met. */
export const FULL_PRECISION =
  "The frozen part's outputs are too large for half precision: they are kept in full precision.";

/**
 * A network up to its features.
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

/** A network up to its freeze boundary. Its `forward` throws {@link import("./features/compute.ts").TooLarge} where half precision cannot hold an activation. */
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

// Fills a store with what the frozen part of a network outputs for the views of images: the one loop over images. Features are a freeze
// boundary with one view.

/** An image to be filled in. */
export interface ToFill {
  readonly source: ImageSource;
  /** Its digest, where it was loaded before: another one now, or none, is an error then. */
  readonly digest?: string | undefined;
}

/** The views that are kept of each image. */
export interface Views {
  readonly count: number;
  /** The name of a view in the store: whatever its pixels depend on besides the image. */
  readonly keyOf: (view: number) => string;
  /** Renders views; default: the image itself. */
  readonly of?: ((image: RgbImage, digest: string) => (view: number) => RgbImage) | undefined;
}

/** An image as the network's preprocessing shows it. */
const PLAIN: Views = { count: 1, keyOf: () => "" };

export interface FillOptions extends Listening, Partial<Passing> {
  readonly frozen: FrozenPart;
  readonly store: RecordStore;
  /** Default the image as the network's preprocessing shows it. */
  readonly views?: Views | undefined;
  /** What the progress is called. */
  readonly stage: string;
  /** Keeps the measures of images that are decoded anyway, so that they are not decoded again. */
  readonly measures?: Measures | undefined;
}

/** Where the records of images are, and what came of the images. */
export interface Filled {
  /** `[images][views]`; empty for an image that could not be used. */
  readonly locations: readonly (readonly Location[])[];
  /** Nothing for images that could not be loaded. */
  readonly digests: readonly (string | undefined)[];
  /** Why an image could not be used, by its position, in their order. */
  readonly unreadable: ReadonlyMap<number, string>;
  /** Views that went through the frozen part now, and that the store had. */
  readonly computed: number;
  readonly stored: number;
  /** Seconds that images took to decode and prepare, divided by how many threads did so; waiting for cores included. */
  readonly decodeSeconds: number;
  /** Seconds inside the frozen part, divided by how many threads ran it. */
  readonly forwardSeconds: number;
}

/** An image of which views are missing. */
interface Loaded {
  readonly item: number;
  readonly image: LoadedImage;
  readonly missing: readonly number[];
}

/** Bytes of files that are held before they are computed. */
const MOST_BYTES = 64 << 20;

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** Computes, or finds in the store, the views of every image. Memory holds the few images that are under way, however many there are. */
export async function fill(images: readonly ToFill[], options: FillOptions): Promise<Filled> {
  const { frozen, store, views = PLAIN, stage, measures, onProgress, signal } = options;
  const { batch = 16, loadsAhead = 4, runsAhead = 2, pause } = options;
  const keys = Array.from({ length: views.count }, (_, view) => views.keyOf(view));
  const locations: Location[][] = images.map(() => []);
  const digests = images.map(({ digest }) => digest);
  const unreadable: [number, string][] = [];
  let [decodeSeconds, forwardSeconds, computed, stored] = [0, 0, 0, 0];

  const missingOf = (item: number, digest: string): number[] =>
    keys.flatMap((view, number) => {
      const at = store.find({ digest, view });
      if (at) locations[item]![number] = at;
      return at ? [] : [number];
    });
  const known = images.map(({ digest }, item) => (digest === undefined ? undefined : missingOf(item, digest)));
  const from = known.reduce((sum, missing) => sum + (missing ? views.count - missing.length : 0), 0);
  stored += from;
  const unit = views.of ? "views" : "images";
  const meter = createMeter({ stage, unit, total: images.length * views.count, from, onProgress });

  const load = async (item: number): Promise<Loaded | undefined> => {
    const { source, digest } = images[item]!;
    try {
      const image = await source.load();
      if (digest !== undefined && image.digest !== digest)
        throw dataError(`${source.name} changed while it was being learned from: run the same command again.`);
      digests[item] = image.digest;
      const missing = known[item] ?? missingOf(item, image.digest);
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

  const underWay: Promise<() => void>[] = [];
  let lanes: Lanes | undefined;
  /** Computes some images; what comes of it is kept once its turn has come, in the order of the images. */
  const begin = (some: readonly Loaded[]): void => {
    const wanted = some.map(wantedOf);
    const work = lanes
      ? lanes.compute(some.map(({ image }, i) => ({ bytes: image.bytes!, measure: wanted[i]!.measure !== undefined })))
      : computeImages(frozen, wanted, batch);
    const threads = lanes?.count ?? 1;
    const keep = work.then((found) => () => {
      decodeSeconds += found.decodeSeconds / threads;
      forwardSeconds += found.forwardSeconds / threads;
      const done: Loaded[] = [];
      const records: Uint8Array[] = [];
      found.images.forEach((one, i) => {
        const { item, image, missing } = some[i]!;
        meter.add(missing.length);
        if ("unreadable" in one) {
          if (images[item]!.digest !== undefined) throw dataError(one.unreadable);
          unreadable.push([item, one.unreadable]);
          return;
        }
        if (one.measured) measures?.add(image.digest, one.measured);
        done.push(some[i]!);
        records.push(one.records);
      });
      if (done.length === 0) return;
      const wantedKeys = done.flatMap(({ image: { digest }, missing }) =>
        missing.map((number) => ({ digest, view: keys[number]! })),
      );
      const added = store.add(wantedKeys, joinedBytes(records)).values();
      for (const { item, missing } of done)
        for (const number of missing) locations[item]![number] = added.next().value!;
      computed += wantedKeys.length;
    });
    // A failure is met when its turn comes; until then it must not count as unhandled.
    keep.catch(() => {});
    underWay.push(keep);
  };
  const keepUntil = async (left: number): Promise<void> => {
    while (underWay.length > left) {
      (await underWay.shift()!)();
      await pause?.();
      signal?.throwIfAborted();
    }
  };

  // So many images that their views fill runs without a rest.
  const perCall = batch / divisor(batch, views.count);
  const toLoad = [...images.keys()].filter((item) => known[item]?.length !== 0);
  let waiting: Loaded[] = [];
  let heldBytes = 0;
  for await (const loaded of mapAhead(toLoad, loadsAhead, load)) {
    signal?.throwIfAborted();
    if (!loaded) continue;
    waiting.push(loaded);
    heldBytes += loaded.image.bytes?.length ?? 0;
    if (waiting.length < perCall && heldBytes < MOST_BYTES && !(lanes && waiting.length >= IMAGES_A_CALL)) continue;
    const isMany = !views.of && loaded.image.bytes && images.length - stored >= FEWEST_IMAGES;
    if (isMany) lanes ??= frozen.lanes?.();
    const size = lanes ? IMAGES_A_CALL : perCall;
    for (let first = 0; first < waiting.length; first += size) {
      await keepUntil((lanes?.calls ?? runsAhead) - 1);
      begin(waiting.slice(first, first + size));
    }
    [waiting, heldBytes] = [[], 0];
  }
  if (waiting.length > 0) begin(waiting);
  await keepUntil(0);
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

/** The features of those images that could be read. */
export interface Features extends Omit<Filled, "locations"> {
  /** `[kept.length, D]` */
  readonly table: RowTable;
  /** Positions of the images that could be read: row i of the table is image `kept[i]`. */
  readonly kept: readonly number[];
}

/** Computes, or finds in the store, the features of images. */
export async function fillFeatures(
  images: readonly ToFill[],
  columns: number,
  options: Omit<FillOptions, "views" | "stage">,
): Promise<Features> {
  const { locations, ...filled } = await fill(images, { ...options, stage: "Reading features" });
  const kept = [...images.keys()].filter((item) => !filled.unreadable.has(item));
  const rows = kept.map((item) => locations[item]![0]!);
  return { ...filled, kept, table: tableOfRecords(options.store, rows, columns) };
}
