/** Opens the file of a trained model in Node, and predicts image files with it. What an artifact contains is in artifact-graph.ts. */
import { readFile } from "node:fs/promises";
import { mapAhead } from "../base/concurrency.ts";
import { codeOf, isDataError, messageOf, usageError } from "../base/errors.ts";
import { checkedArgument, text } from "../base/option-schemas.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { inSentences, readFailure } from "../base/system-errors.ts";
import { named } from "../base/text.ts";
import type { ImageFile } from "../data/dataset/source.ts";
import { decodeImage } from "../data/image/decode.ts";
import { pixelFault, type RgbImage } from "../data/image/rgb-image.ts";
import { openSession, type Session } from "../onnx/session/session.ts";
import { predictImage, type RawPrediction, readArtifact, type UncertaintyRules } from "./predict.ts";

export { type Prediction, predictionOf, type RawPrediction, ranked, readArtifact } from "./predict.ts";

export interface Artifact {
  readonly path: string;
  readonly classes: readonly string[];
  readonly uncertainty: UncertaintyRules;
  predict(image: RgbImage): Promise<RawPrediction>;
  close(): Promise<void>;
}

/**
 * The bytes of a model file.
 *
 * @throws GraftError (`usage`) if there is no such file, (`data`) if it cannot be read
 */
export async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT")
      throw usageError(`There is no model ${named(path)}: train one with \`graft train DATASET\`.`, error);
    throw readFailure(`the model ${named(path)}`, error);
  }
}

/**
 * Opens a `model.onnx` that `graft train` wrote.
 *
 * @throws GraftError (`usage`) if there is no such file, (`data`) if it is not an artifact of Graft
 */
export const openArtifact = async (path: string): Promise<Artifact> =>
  inSentences(() => openChecked(checkedArgument(modelPath, path, "The first argument of openArtifact")));

const modelPath = text("the path of a model.onnx");

async function openChecked(path: string): Promise<Artifact> {
  const { classes, uncertainty } = readArtifact(await readModelFile(path), path);
  return asArtifact(path, { classes, uncertainty }, await openSession(path));
}

/** Opens an artifact from memory; `path` is its name. */
export async function openArtifactBytes(bytes: Uint8Array, path: string): Promise<Artifact> {
  return asArtifact(path, readArtifact(bytes, path), await openSession(bytes));
}

function asArtifact(
  path: string,
  { classes, uncertainty }: Pick<Artifact, "classes" | "uncertainty">,
  session: Session,
): Artifact {
  return {
    path,
    classes,
    uncertainty,
    async predict(image) {
      const fault = pixelFault(image);
      if (fault !== undefined) throw usageError(`The image to predict cannot be used: ${fault}.`);
      return predictImage(session, image);
    },
    close: () => session.close(),
  };
}

// Predicts image files one after the other: the loop that `predict` and `evaluate` share.

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
 * Returns the model's prediction of each file, in order, as soon as it is known. Files that cannot be decoded are reported with the
 * reason.
 */
export async function* predictFiles(
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
