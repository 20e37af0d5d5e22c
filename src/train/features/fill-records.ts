/**
 * Fills a store with the frozen part's outputs for the views of images: the only loop over images. Features are a freeze boundary with one
 * view. How a few images are computed is in compute.ts.
 */
import { mapAhead } from "../../base/concurrency.ts";
import { dataError, isDataError, messageOf } from "../../base/errors.ts";
import { createMeter, type Meter } from "../../base/progress.ts";
import type { RgbImage } from "../../data/image/rgb-image.ts";
import type { Listening, Measures, Passing } from "../environment.ts";
import type { FrozenPart } from "../frozen.ts";
import {
  type Computed,
  computeImages,
  FEWEST_IMAGES,
  IMAGES_A_CALL,
  joinedBytes,
  type Lanes,
  type Wanted,
} from "./compute.ts";
import { type RowTable, tableOfRecords } from "./feature-table.ts";
import type { ImageSource, LoadedImage, Location, RecordStore } from "./images-and-records.ts";

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
  const { loadsAhead = 4, signal } = options;
  const filling = new Filling(images, options);
  let waiting: Loaded[] = [];
  for await (const loaded of mapAhead(filling.itemsToLoad(), loadsAhead, (item) => filling.load(item))) {
    signal?.throwIfAborted();
    if (!loaded) continue;
    waiting.push(loaded);
    if (!filling.isEnough(waiting)) continue;
    await filling.compute(waiting);
    waiting = [];
  }
  if (waiting.length > 0) filling.start(waiting);
  await filling.finishUntil(0);
  return filling.result();
}

/** The state of one {@link fill}. */
class Filling {
  private readonly images: readonly FillImage[];
  private readonly options: FillOptions;
  /** The name of each view in the store. */
  private readonly keys: readonly string[];
  private readonly views: Views;
  private readonly batch: number;
  private readonly meter: Meter;
  /** For images with a known digest: the views that the store does not have. */
  private readonly missing: readonly (readonly number[] | undefined)[];
  /** Calls in progress, in the order of the images; each resolves to a function that stores its results. */
  private readonly running: Promise<() => void>[] = [];
  private lanes: Lanes | undefined;

  private readonly locations: Location[][];
  private readonly digests: (string | undefined)[];
  private readonly unreadable: [item: number, reason: string][] = [];
  private computed = 0;
  private stored: number;
  private decodeSeconds = 0;
  private forwardSeconds = 0;

  constructor(images: readonly FillImage[], options: FillOptions) {
    this.images = images;
    this.options = options;
    const { views = PLAIN, batch = 16, stage, onProgress } = options;
    this.views = views;
    this.batch = batch;
    this.keys = Array.from({ length: views.count }, (_, view) => views.keyOf(view));
    this.locations = images.map(() => []);
    this.digests = images.map(({ digest }) => digest);
    this.missing = images.map(({ digest }, item) =>
      digest === undefined ? undefined : this.missingViews(item, digest),
    );
    this.stored = this.missing.reduce((sum, missing) => sum + (missing ? views.count - missing.length : 0), 0);
    const unit = views.of ? "views" : "images";
    this.meter = createMeter({ stage, unit, total: images.length * views.count, from: this.stored, onProgress });
  }

  /** Notes the views of an image that the store has, and returns the others. */
  private missingViews(item: number, digest: string): number[] {
    return this.keys.flatMap((view, number) => {
      const at = this.options.store.find({ digest, view });
      if (at) this.locations[item]![number] = at;
      return at ? [] : [number];
    });
  }

  /** All images except those with a known digest whose views are all stored. */
  itemsToLoad(): number[] {
    return [...this.images.keys()].filter((item) => this.missing[item]?.length !== 0);
  }

  /** Loads an image; undefined if nothing of it needs to be computed. */
  async load(item: number): Promise<Loaded | undefined> {
    const { source, digest } = this.images[item]!;
    try {
      const image = await source.load();
      if (digest !== undefined && image.digest !== digest)
        throw dataError(`${source.name} changed during the training: run the same command again.`);
      this.digests[item] = image.digest;
      const missing = this.missing[item] ?? this.missingViews(item, image.digest);
      if (missing.length > 0) return { item, image, missing };
      this.stored += this.views.count;
    } catch (error) {
      if (!isDataError(error) || digest !== undefined) throw error;
      this.unreadable.push([item, messageOf(error)]);
    }
    this.meter.add(this.views.count);
    return undefined;
  }

  /** The number of images whose views fill whole batches. */
  private get imagesPerCall(): number {
    return this.batch / divisor(this.batch, this.views.count);
  }

  /** Whether enough images are loaded for a call. */
  isEnough(waiting: readonly Loaded[]): boolean {
    const bytes = waiting.reduce((sum, { image }) => sum + (image.bytes?.length ?? 0), 0);
    const enoughForLanes = this.lanes !== undefined && waiting.length >= IMAGES_A_CALL;
    return waiting.length >= this.imagesPerCall || bytes >= MOST_BYTES || enoughForLanes;
  }

  /** Starts calls for loaded images, each as soon as an earlier one has finished; uses lanes if there are many images. */
  async compute(waiting: readonly Loaded[]): Promise<void> {
    const { frozen, runsAhead = 2 } = this.options;
    const isMany = this.images.length - this.stored >= FEWEST_IMAGES;
    if (isMany && !this.views.of && waiting.at(-1)!.image.bytes) this.lanes ??= frozen.lanes?.();
    const size = this.lanes ? IMAGES_A_CALL : this.imagesPerCall;
    for (let first = 0; first < waiting.length; first += size) {
      await this.finishUntil((this.lanes?.calls ?? runsAhead) - 1);
      this.start(waiting.slice(first, first + size));
    }
  }

  /** Starts one call. */
  start(some: readonly Loaded[]): void {
    const wanted = some.map((loaded) => this.wantedOf(loaded));
    const work = this.lanes
      ? this.lanes.compute(
          some.map(({ image }, i) => ({ bytes: image.bytes!, measure: wanted[i]!.measure !== undefined })),
        )
      : computeImages(this.options.frozen, wanted, this.batch);
    const threads = this.lanes?.count ?? 1;
    const finished = work.then((found) => () => {
      this.decodeSeconds += found.decodeSeconds / threads;
      this.forwardSeconds += found.forwardSeconds / threads;
      this.keep(some, found.images);
    });
    // A failure is thrown when its turn comes; until then it must not count as an unhandled rejection.
    finished.catch(() => {});
    this.running.push(finished);
  }

  private wantedOf({ image, missing }: Loaded): Wanted {
    const { of } = this.views;
    const { measures } = this.options;
    return {
      use: image.use,
      views:
        of &&
        function* (pixels) {
          const render = of(pixels, image.digest);
          for (const view of missing) yield render(view);
        },
      measure: measures?.lacks(image.digest) ? (pixels) => measures.measure(pixels, image.bytes) : undefined,
    };
  }

  /** Finishes the oldest calls until at most `count` are in progress. */
  async finishUntil(count: number): Promise<void> {
    const { pause, signal } = this.options;
    while (this.running.length > count) {
      (await this.running.shift()!)();
      await pause?.();
      signal?.throwIfAborted();
    }
  }

  /** Stores the results of one call. */
  private keep(some: readonly Loaded[], results: readonly Computed[]): void {
    const { measures, store } = this.options;
    const done: Loaded[] = [];
    const records: Uint8Array[] = [];
    results.forEach((result, i) => {
      const { item, image, missing } = some[i]!;
      this.meter.add(missing.length);
      if ("unreadable" in result) {
        if (this.images[item]!.digest !== undefined) throw dataError(result.unreadable);
        this.unreadable.push([item, result.unreadable]);
        return;
      }
      if (result.measured) measures?.add(image.digest, result.measured);
      done.push(some[i]!);
      records.push(result.records);
    });
    if (done.length === 0) return;
    const newKeys = done.flatMap(({ image: { digest }, missing }) =>
      missing.map((number) => ({ digest, view: this.keys[number]! })),
    );
    const added = store.add(newKeys, joinedBytes(records)).values();
    for (const { item, missing } of done)
      for (const number of missing) this.locations[item]![number] = added.next().value!;
    this.computed += newKeys.length;
  }

  result(): FillResult {
    const { locations, digests, computed, stored, decodeSeconds, forwardSeconds } = this;
    const unreadable = new Map(this.unreadable.sort(([a], [b]) => a - b));
    return { locations, digests, unreadable, computed, stored, decodeSeconds, forwardSeconds };
  }
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
