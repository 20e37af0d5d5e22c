/** Predicts image files one after the other with a trained model: the loop that `predict` and `evaluate` share. */
import { mapAhead } from "../base/concurrency.ts";
import { isDataError, messageOf } from "../base/errors.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import type { ImageFile } from "../data/dataset/images.ts";
import { decodeImage } from "../data/decode.ts";
import type { RgbImage } from "../data/rgb-image.ts";
import type { RawPrediction } from "./artifact.ts";
import type { Artifact } from "./open.ts";

/** The result of one file. */
export type FilePrediction =
  | { readonly kind: "predicted"; readonly path: string; readonly raw: RawPrediction }
  | { readonly kind: "unreadable"; readonly path: string; readonly reason: string };

export interface PredictFilesOptions {
  /** The name of the progress. */
  readonly stage: string;
  readonly onProgress?: OnProgress | undefined;
  /** Ends the loop with the signal's reason before the next image. */
  readonly signal?: AbortSignal | undefined;
}

/** Images that are decoded ahead of the one being predicted. This bounds memory, however many files there are. */
const AHEAD = 2;

type Decoded = RgbImage | { readonly reason: string };

/**
 * Yields the model's prediction of each file, in order, as soon as it is known. Files that cannot be decoded are reported with the
 * reason.
 */
export async function* askFiles(
  artifact: Pick<Artifact, "predict">,
  files: readonly (string | ImageFile)[],
  { stage, onProgress, signal }: PredictFilesOptions,
): AsyncGenerator<FilePrediction, void> {
  const meter = createMeter({ stage, unit: "images", total: files.length, onProgress });
  const decode = (file: string | ImageFile): Promise<Decoded> =>
    decodeImage(typeof file === "string" ? file : file.path).catch((error: unknown) => {
      if (!isDataError(error)) throw error;
      return { reason: messageOf(error) };
    });
  let at = 0;
  for await (const decoded of mapAhead(files, AHEAD, decode)) {
    signal?.throwIfAborted();
    const file = files[at++]!;
    const path = typeof file === "string" ? file : file.name;
    yield "reason" in decoded
      ? { kind: "unreadable", path, reason: decoded.reason }
      : { kind: "predicted", path, raw: await artifact.predict(decoded) };
    meter.add();
  }
}
