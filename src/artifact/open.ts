/** Opens an artifact's file in Node. */
import { readFile } from "node:fs/promises";
import { codeOf, usageError } from "../base/errors.ts";
import { checkedArgument, text } from "../base/options.ts";
import { inSentences, readFailure } from "../base/system-errors.ts";
import { named } from "../base/text.ts";
import { pixelFault, type RgbImage } from "../data/rgb-image.ts";
import { openSession, type Session } from "../runtime/session.ts";
import { predictImage, type RawPrediction, readArtifact } from "./artifact.ts";
import type { UncertaintyRules } from "./trust.ts";

export { type Prediction, predictionOf, type RawPrediction, ranked, readArtifact } from "./artifact.ts";

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
