/**
 * Images → records, a few at a time: decode, measure, prepare, run the frozen part. The one place where that is done; it runs in the
 * thread that asks, or in threads of its own (lanes.ts).
 */

import { once } from "../../base/concurrency.ts";
import { isDataError, messageOf } from "../../base/errors.ts";
import { secondsSince } from "../../base/progress.ts";
import type { RgbImage } from "../../data/image/rgb-image.ts";
import { PIXELS } from "../../networks/backbone/backbone.ts";
import type { Elements, Session } from "../../onnx/session/session.ts";
import type { LoadedImage } from "./images-and-records.ts";

/** An image whose records are wanted. */
export interface Wanted {
  readonly use: LoadedImage["use"];
  /** Its views; default the image itself, as the network's preprocessing shows it. */
  readonly views?: ((image: RgbImage) => Iterable<RgbImage>) | undefined;
  /** Measures it, where that is wanted too. */
  readonly measure?: ((image: RgbImage) => Promise<Uint8Array>) | undefined;
}

/** What came of an image: the records of its views one after the other. */
export type Computed =
  | { readonly records: Uint8Array; readonly measured: Uint8Array | undefined }
  | { readonly unreadable: string };

export interface ComputedImages {
  /** One for each image, in their order. */
  readonly images: readonly Computed[];
  /** Seconds of decoding and preparing, and inside the frozen part. */
  readonly decodeSeconds: number;
  readonly forwardSeconds: number;
}

/** A frozen part that runs. */
export interface Computer {
  /** The shape of one prepared image: `[3, S, S]` or `[S, S, 3]`. */
  readonly inputDims: readonly number[];
  /**
   * Resizes and normalises one image, by the very graph that goes into the artifact.
   *
   * @param isView whether it is a view, which has the network's size already: its preprocessing's crop was the view's matter. Default false
   */
  prepare(image: RgbImage, isView?: boolean): Promise<Elements>;
  /** What is kept of prepared images, `[N, …]`. */
  forward(prepared: readonly Elements[]): Promise<Elements>;
}

/** A file for another thread. */
export interface FileToCompute {
  readonly bytes: Uint8Array;
  /** Whether it is to be measured too. */
  readonly measure: boolean;
}

/** From this many images on, starting lanes pays. */
export const FEWEST_IMAGES = 128;
/** Images of one call of a lane. */
export const IMAGES_A_CALL = 4;

/** Threads that compute, see lanes.ts. */
export interface Lanes {
  /** Calls that keep all lanes busy. */
  readonly calls: number;
  /** How many work at once. */
  readonly count: number;
  compute(files: readonly FileToCompute[]): Promise<ComputedImages>;
  close(): Promise<void>;
}

interface Prepared {
  readonly at: number;
  readonly rows: readonly Elements[];
  readonly measured: Uint8Array | undefined;
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Rows one after the other, zeros where more `bytes` are wanted than they have. */
export function joinedBytes(
  rows: readonly Uint8Array[],
  bytes = rows.reduce((sum, { length }) => sum + length, 0),
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return all;
}

/** An activation that float16 does not reach. */
export class TooLarge extends Error {}

/** The exponent of float16, all ones in infinities and NaN. */
const EXPONENT = 0x7c00;

/** How a frozen part is opened. All sessions open on first use. */
export interface FrozenSessions {
  readonly inputDims: readonly number[];
  /** Prepares single images; the output has the name `prepared`. */
  readonly preparation: () => Promise<Session>;
  /** The same for views, where that is another model. */
  readonly viewPreparation?: (() => Promise<Session>) | undefined;
  readonly prepared?: string | undefined;
  /** {@link PIXELS} → `output`; nothing where prepared images are what is kept. */
  readonly network?: (() => Promise<Session>) | undefined;
  readonly output: string;
  /** Images of every run: fewer are filled up, so that an image's values never depend on how many came with it. Default: as many as come. */
  readonly runSize?: number | undefined;
}

export function runFrozen(sessions: FrozenSessions): Computer & { close(): Promise<void> } {
  const { inputDims, prepared: name = PIXELS, output, runSize } = sessions;
  const opened: Promise<Session>[] = [];
  const opening = (open: () => Promise<Session>): (() => Promise<Session>) =>
    once(() => {
      const session = open();
      opened.push(session);
      return session;
    });
  const plain = opening(sessions.preparation);
  const ofViews = sessions.viewPreparation ? opening(sessions.viewPreparation) : plain;
  const network = sessions.network && opening(sessions.network);
  return {
    inputDims,
    async prepare({ width, height, data }, isView = false) {
      const session = await (isView ? ofViews : plain)();
      return (await session.run({ image: { dims: [1, height, width, 3], data } }))[name]!.data;
    },
    async forward(prepared) {
      const rows = prepared.map(bytesOf);
      if (!network) return joinedBytes(rows);
      const count = runSize ?? rows.length;
      const bytes = joinedBytes(rows, count * rows[0]!.length);
      const pixels = { dims: [count, ...inputDims], data: new Float32Array(bytes.buffer) };
      const { data } = (await (await network()).run({ [PIXELS]: pixels }))[output]!;
      const kept = data.subarray(0, (data.length / count) * rows.length);
      if (kept instanceof Uint16Array && kept.some((bits) => (bits & EXPONENT) === EXPONENT)) throw new TooLarge();
      return kept;
    },
    async close() {
      for (const session of opened) await (await session).close();
    },
  };
}

/**
 * Computes records.
 *
 * @param batch views of one run of the frozen part, at most
 * @throws what a broken runtime or a lack of memory throws; an image's own faults are its result
 */
export async function computeImages(
  { prepare, forward }: Pick<Computer, "prepare" | "forward">,
  images: readonly Wanted[],
  batch: number,
): Promise<ComputedImages> {
  const computed: Computed[] = [];
  const began = performance.now();
  const read = async ({ use, views, measure }: Wanted, at: number): Promise<Prepared | undefined> => {
    try {
      return await use(async (image) => {
        const measured = await measure?.(image);
        const rows: Elements[] = [];
        for (const view of views?.(image) ?? [image]) rows.push(await prepare(view, views !== undefined));
        return { at, rows, measured };
      });
    } catch (error) {
      // Only the image's own faults are passed over; a broken runtime, a full disk or too many open files end the work.
      if (!isDataError(error)) throw error;
      computed[at] = { unreadable: messageOf(error) };
      return undefined;
    }
  };
  const prepared = (await Promise.all(images.map(read))).filter((one) => one !== undefined);
  const decoded = performance.now();
  const rows = prepared.flatMap((one) => one.rows);
  const records: Uint8Array[] = [];
  for (let from = 0; from < rows.length; from += batch) {
    const some = rows.slice(from, from + batch);
    const bytes = bytesOf(await forward(some));
    const size = bytes.length / some.length;
    some.forEach((_, row) => {
      records.push(bytes.subarray(row * size, (row + 1) * size));
    });
  }
  let first = 0;
  for (const { at, measured, rows: own } of prepared) {
    computed[at] = { records: joinedBytes(records.slice(first, first + own.length)), measured };
    first += own.length;
  }
  return {
    images: computed,
    decodeSeconds: (decoded - began) / 1000,
    forwardSeconds: secondsSince(decoded),
  };
}
