/** Prepares an artifact for explanations: splits off its preprocessing, so that the rest is differentiated from prepared pixels on. */
import { LOGITS } from "../artifact/contract.ts";
import { artifactParts } from "../artifact/parts.ts";
import { dataError } from "../base/errors.ts";
import type { RgbImage } from "../data/rgb-image.ts";
import type { Model } from "../graph/model.ts";
import { openModel } from "../runtime/open-model.ts";
import { PIXELS } from "../zoo/backbone.ts";
import type { Preprocessing } from "../zoo/preprocessing.ts";
import { fromArtifact } from "../zoo/preprocessing-metadata.ts";
import type { Explained } from "./gradient.ts";

export interface ExplainedArtifact {
  readonly explained: Explained;
  /** The artifact from prepared pixels on, with all its outputs. */
  readonly predictor: Model;
  readonly preprocessing: Preprocessing;
  /** Resizes and normalises one image as the artifact does. */
  prepare(image: RgbImage): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Prepares an artifact.
 *
 * @param source its name in errors
 * @throws GraftError (`data`) if it is not one of Graft's
 */
export async function explainedArtifact(model: Model, source: string): Promise<ExplainedArtifact> {
  const preprocessing = fromArtifact(model.metadata, source);
  if (!preprocessing)
    throw dataError(`${source} has no preprocessing in its metadata: train it again with this version of Graft.`);
  const { preparation, predictor } = artifactParts(model, source);
  const session = await openModel(preparation, { threads: 1 });
  const { size, layout } = preprocessing;
  const inputDims = layout === "nchw" ? [3, size, size] : [size, size, 3];
  return {
    explained: { model: predictor, input: PIXELS, inputDims, logits: LOGITS },
    predictor,
    preprocessing,
    async prepare({ width, height, data }) {
      const [input = "image"] = session.inputs;
      const result = await session.run({ [input]: { dims: [1, height, width, 3], data } });
      return result[PIXELS]!.data as Float32Array;
    },
    close: () => session.close(),
  };
}
