/** An artifact as explanations take it: its preparation apart, the rest differentiated from prepared pixels on. */
import { LOGITS } from "../artifact/contract.ts";
import { artifactParts } from "../artifact/parts.ts";
import { dataError } from "../base/errors.ts";
import type { RgbImage } from "../data/decode.ts";
import type { Model } from "../graph/model.ts";
import { openModel } from "../runtime/open-model.ts";
import { PIXELS } from "../zoo/backbone.ts";
import type { Preprocessing } from "../zoo/preprocessing.ts";
import { fromArtifact } from "../zoo/preprocessing-metadata.ts";
import type { Explained } from "./gradient.ts";

export interface ExplainedArtifact {
  readonly explained: Explained;
  /** The artifact from prepared pixels on, all its outputs. */
  readonly answering: Model;
  readonly preprocessing: Preprocessing;
  /** Resizes and normalises one picture as the artifact does. */
  prepare(image: RgbImage): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Takes an artifact apart.
 *
 * @param source names it in errors
 * @throws GraftError (`data`) where it is not one of Graft's
 */
export async function explainedArtifact(model: Model, source: string): Promise<ExplainedArtifact> {
  const preprocessing = fromArtifact(model.metadata, source);
  if (!preprocessing)
    throw dataError(`${source} does not say how it prepares pictures: train it anew with this version of Graft.`);
  const { preparation, answering } = artifactParts(model, source);
  const session = await openModel(preparation, { threads: 1 });
  const { size, layout } = preprocessing;
  const inputDims = layout === "nchw" ? [3, size, size] : [size, size, 3];
  return {
    explained: { model: answering, input: PIXELS, inputDims, logits: LOGITS },
    answering,
    preprocessing,
    async prepare({ width, height, data }) {
      const [input = "image"] = session.inputs;
      const result = await session.run({ [input]: { dims: [1, height, width, 3], data } });
      return result[PIXELS]!.data as Float32Array;
    },
    close: () => session.close(),
  };
}
