/** A trained model in a page: opened from its file alone, asked about pictures, with the answers that Node gives. */
import {
  type Prediction as CommandLinePrediction,
  predictImage,
  predictionOf,
  type RawPrediction,
  readArtifact,
} from "../artifact/artifact.ts";
import { checkedArgument } from "../base/options.ts";
import { openSession } from "../runtime/session.ts";
import { type EngineFacts, openEngine } from "./engine.ts";
import { bytesOf } from "./fetch.ts";
import {
  checkedOpenOptions,
  checkedPredictOptions,
  type OpenOptions,
  type PredictOptions,
  type Source,
  source as sourceSchema,
} from "./options.ts";
import { type Picture, pixelsOf } from "./pixels.ts";

/** What a model says of one picture: the answer that the command line gives, and the numbers behind it. */
export type Prediction = CommandLinePrediction & Omit<RawPrediction, "oodScore">;

/** A `model.onnx` that is ready to be asked. */
export interface WebArtifact {
  /** In the order of `probabilities`. */
  readonly classes: readonly string[];
  /** What it runs on, and why. */
  readonly engine: EngineFacts;
  /** @throws GraftError (`data`) where the picture cannot be read */
  predict(picture: Picture, options?: PredictOptions): Promise<Prediction>;
  /** Gives its memory back. */
  close(): Promise<void>;
}

/**
 * Opens a `model.onnx` that Graft trained.
 *
 * @param source its address, a File or Blob, or its bytes
 * @throws GraftError (`usage`) where an option does not fit; (`data`) where there is no such file, or it is not one of Graft's; (`work`) where the engine or the network
 *   fails
 *
 * @example
 * import { openArtifact } from "graft-ml/web";
 * const model = await openArtifact("/model.onnx");
 * const { label, probability } = await model.predict(document.querySelector("img"));
 * console.log(label, probability, model.engine.why);
 */
export async function openArtifact(source: Source, options: OpenOptions = {}): Promise<WebArtifact> {
  const { onProgress, ...wanted } = checkedOpenOptions(options);
  const file = checkedArgument(sourceSchema, source, "The first argument of openArtifact");
  const { bytes, name } = await bytesOf(file, onProgress);
  const { classes, uncertainty } = readArtifact(bytes, name);
  const engine = await openEngine(wanted);
  const session = await openSession(bytes);
  return {
    classes,
    engine,
    async predict(picture, options = {}) {
      const { topK } = checkedPredictOptions(options);
      const raw = await predictImage(session, await pixelsOf(picture));
      const { oodScore: _, ...numbers } = raw;
      return { ...numbers, ...predictionOf({ classes, uncertainty }, raw, topK) };
    },
    close: () => session.close(),
  };
}
