/**
 * Image files → features, a few at a time: decode, measure, prepare, run the backbone. The one place where that is done; it runs in
 * the thread that asks, or in threads of its own (lanes.ts).
 */

import { concatenate } from "../../base/concatenate.ts";
import { isDataError, messageOf } from "../../base/errors.ts";
import { secondsSince } from "../../base/stopwatch.ts";
import { withImage } from "../../data/decode.ts";
import type { RgbImage } from "../../data/rgb-image.ts";
import { measureTraits } from "../../data/traits/traits.ts";
import type { RuntimeTensor } from "../../runtime/session.ts";
import { encodeTraits } from "./trait-record.ts";

/** A file whose features are wanted. */
export interface ImageBytes {
  readonly bytes: Uint8Array;
  /** Whether its traits are wanted too. */
  readonly measure: boolean;
}

/** What came of a file. */
export type Computed =
  | { readonly features: Float32Array; readonly traits: Uint8Array | undefined }
  | { readonly unreadable: string };

export interface ComputedFiles {
  /** One a file, in their order. */
  readonly files: readonly Computed[];
  /** Seconds of decoding and preparing, and inside the backbone. */
  readonly decodeSeconds: number;
  readonly forwardSeconds: number;
}

/** A backbone that runs. */
export interface Computer {
  /** The shape of one prepared image: `[3, S, S]` or `[S, S, 3]`. */
  readonly inputDims: readonly number[];
  /** Resizes and normalises one image, by the very graph that goes into the artifact. */
  prepare(image: RgbImage): Promise<Float32Array>;
  /** `[N, …inputDims]` → `[N, D]`. */
  forward(pixels: RuntimeTensor): Promise<Float32Array>;
}

interface Prepared {
  readonly at: number;
  readonly pixels: Float32Array;
  readonly traits: Uint8Array | undefined;
}

/**
 * Computes features.
 *
 * @param batch images of one run of the backbone, at most
 * @throws what a broken runtime or a lack of memory throws; a file's own faults are its result
 */
export async function computeFiles(
  { inputDims, prepare, forward }: Computer,
  files: readonly ImageBytes[],
  batch: number,
): Promise<ComputedFiles> {
  const computed: Computed[] = [];
  const began = performance.now();
  const read = async ({ bytes, measure }: ImageBytes, at: number): Promise<Prepared | undefined> => {
    try {
      return await withImage(bytes, async (image) => {
        const traits = measure ? encodeTraits(await measureTraits(image, bytes)) : undefined;
        return { at, pixels: await prepare(image), traits };
      });
    } catch (error) {
      // Only the image's own faults are passed over; a broken runtime, a full disk or too many open files end the work.
      if (!isDataError(error)) throw error;
      computed[at] = { unreadable: messageOf(error) };
      return undefined;
    }
  };
  const prepared = (await Promise.all(files.map(read))).filter((one) => one !== undefined);
  const decoded = performance.now();
  for (let from = 0; from < prepared.length; from += batch) {
    const some = prepared.slice(from, from + batch);
    const features = await forward({
      dims: [some.length, ...inputDims],
      data: concatenate(some.map(({ pixels }) => pixels)),
    });
    const columns = features.length / some.length;
    some.forEach(({ at, traits }, row) => {
      computed[at] = { features: features.slice(row * columns, (row + 1) * columns), traits };
    });
  }
  return {
    files: computed,
    decodeSeconds: (decoded - began) / 1000,
    forwardSeconds: secondsSince(decoded),
  };
}
