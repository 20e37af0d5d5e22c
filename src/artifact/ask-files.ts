/** Asking a trained model about image files, one after the other: the loop that predicting and evaluating share. */
import { mapAhead } from "../base/concurrency.ts";
import { isDataError, messageOf } from "../base/errors.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import type { ImageFile } from "../data/dataset/images.ts";
import { decodeImage, type RgbImage } from "../data/decode.ts";
import type { Answer } from "./artifact.ts";
import type { Artifact } from "./open.ts";

/** What became of a file. */
export type Asked =
  | { readonly kind: "answered"; readonly path: string; readonly answer: Answer }
  | { readonly kind: "unreadable"; readonly path: string; readonly reason: string };

export interface AskOptions {
  /** What the progress is called. */
  readonly stage: string;
  readonly onProgress?: OnProgress | undefined;
  /** Aborted, the loop ends with the signal's reason before the next image. */
  readonly signal?: AbortSignal | undefined;
}

/** Images that are decoded at once, the one that is asked about not counted: memory holds no more, however many files there are. */
const AHEAD = 2;

type Decoded = RgbImage | { readonly reason: string };

/** Yields what the model answers to each file, in order, as soon as it is known. Files at fault are passed over with the reason. */
export async function* askFiles(
  artifact: Pick<Artifact, "predict">,
  files: readonly (string | ImageFile)[],
  { stage, onProgress, signal }: AskOptions,
): AsyncGenerator<Asked, void> {
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
      : { kind: "answered", path, answer: await artifact.predict(decoded) };
    meter.add();
  }
}
