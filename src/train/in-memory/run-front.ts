/** Pictures through the frozen part of a network, and what it yields of each view into memory. */
import { isDataError, messageOf } from "../../base/errors.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import type { RgbImage } from "../../data/rgb-image.ts";
import type { Location } from "../features/location.ts";
import type { FrontRunner, Prepared } from "../finetune/front.ts";
import type { MemoryRecords } from "./records.ts";

/** Pictures to be run, by their place. */
export interface Pictures {
  readonly count: number;
  /** Yields a picture's pixels; called once a run. Throws GraftError (`data`) where it cannot be read. */
  readonly read: (place: number) => Promise<RgbImage>;
}

export interface RunOptions {
  /** Views of a picture by their number; nothing for the one that the network's preprocessing shows. */
  readonly views?: {
    readonly count: number;
    readonly of: (image: RgbImage, place: number) => (view: number) => RgbImage;
  };
  /** Pictures of a run. */
  readonly batch: number;
  /** What the progress is called. */
  readonly stage: string;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Awaited now and then, so that a page can draw itself meanwhile. */
  readonly pause: () => Promise<void>;
}

/** Where the views of each picture lie; of those that could not be read, why. */
export interface Ran {
  /** `[pictures][views]`, empty for an unreadable one. */
  readonly locations: readonly (readonly Location[])[];
  readonly unreadable: ReadonlyMap<number, string>;
}

/** Runs pictures through a front, batch by batch. Throws {@link import("../finetune/front.ts").TooLarge} as the front does. */
export async function runFront(
  pictures: Pictures,
  front: FrontRunner,
  records: MemoryRecords,
  { views, batch, stage, onProgress, signal, pause }: RunOptions,
): Promise<Ran> {
  const perPicture = views?.count ?? 1;
  const locations: Location[][] = Array.from({ length: pictures.count }, () => []);
  const unreadable = new Map<number, string>();
  const unit = views ? "views" : "images";
  const meter = createMeter({ stage, unit, total: pictures.count * perPicture, onProgress });
  let pending: { readonly place: number; readonly prepared: Prepared }[] = [];
  const flush = async (): Promise<void> => {
    if (pending.length === 0) return;
    const rows = records.add(await front.forward(pending.map(({ prepared }) => prepared)));
    pending.forEach(({ place }, i) => {
      locations[place]!.push(rows[i]!);
    });
    meter.add(pending.length);
    pending = [];
    await pause();
  };
  for (let place = 0; place < pictures.count; place++) {
    signal?.throwIfAborted();
    const image = await pictures.read(place).catch((error: unknown) => {
      if (!isDataError(error)) throw error;
      unreadable.set(place, messageOf(error));
    });
    if (!image) {
      meter.add(perPicture);
      continue;
    }
    const view = views ? views.of(image, place) : () => image;
    for (let number = 0; number < perPicture; number++) {
      pending.push({ place, prepared: await front.prepare(view(number), views !== undefined) });
      if (pending.length === batch) await flush();
    }
  }
  await flush();
  return { locations, unreadable };
}
