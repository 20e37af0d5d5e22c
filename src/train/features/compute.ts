/**
 * Computes the records of a few images: decodes, measures and prepares them, and runs the frozen part. This is the only implementation; it runs
 * in the calling thread or in lanes (lanes.ts). Storing records is not done here.
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
  /** Renders its views; default: the image itself, as the network's preprocessing shows it. */
  readonly views?: ((image: RgbImage) => Iterable<RgbImage>) | undefined;
  /** Measures the image as well. */
  readonly measure?: ((image: RgbImage) => Promise<Uint8Array>) | undefined;
}

/** The result for an image: the records of its views, concatenated, or why it is unreadable. */
export type Computed =
  | { readonly records: Uint8Array; readonly measured: Uint8Array | undefined }
  | { readonly unreadable: string };

export interface ComputedImages {
  /** One per image, in order. */
  readonly images: readonly Computed[];
  /** Seconds of decoding and preparing, and inside the frozen part. */
  readonly decodeSeconds: number;
  readonly forwardSeconds: number;
}

/** A frozen part that can run. */
export interface Computer {
  /** The shape of one prepared image: `[3, S, S]` or `[S, S, 3]`. */
  readonly inputDims: readonly number[];
  /**
   * Resizes and normalises one image with the same graph that the artifact contains.
   *
   * @param isView whether it is a view, which is cropped to the network's size already. Default false
   */
  prepare(image: RgbImage, isView?: boolean): Promise<Elements>;
  /** The frozen part's outputs for prepared images, `[N, …]`. */
  forward(prepared: readonly Elements[]): Promise<Elements>;
}

/** A file for another thread. */
export interface FileToCompute {
  readonly bytes: Uint8Array;
  /** Whether to measure it as well. */
  readonly measure: boolean;
}

/** Lanes are started for at least this many images: for fewer they take longer than they save. */
export const FEWEST_IMAGES = 128;
/** Images per call of a lane. */
export const IMAGES_A_CALL = 4;

/** Threads that compute records; implemented in lanes.ts. */
export interface Lanes {
  /** The number of calls that keeps all lanes busy. */
  readonly calls: number;
  /** The number of threads. */
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

/** Concatenates rows; the rest up to `bytes` is zeros. */
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

/** An activation beyond the range of float16. */
export class TooLarge extends Error {}

/** The exponent bits of float16: all ones in infinities and NaN. */
const EXPONENT = 0x7c00;

/** How to open the sessions of a frozen part. All open on first use. */
export interface FrozenSessions {
  readonly inputDims: readonly number[];
  /** Prepares single images; its output is named by `prepared`. */
  readonly preparation: () => Promise<Session>;
  /** The same for views, if that is another model. */
  readonly viewPreparation?: (() => Promise<Session>) | undefined;
  readonly prepared?: string | undefined;
  /** {@link PIXELS} → `output`; undefined if the prepared images themselves are stored. */
  readonly network?: (() => Promise<Session>) | undefined;
  readonly output: string;
  /** Fixed images per run: smaller batches are padded, so that an image's values never depend on its batch. Default: no padding. */
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
 * @param batch maximum views per run of the frozen part
 * @throws errors of the runtime and of a lack of memory; faults of an image are its result
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
      // Only faults of the image become its result; a broken runtime, a full disk or too many open files end the work.
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
