/** Opening an artifact's file in Node. */
import { readFile } from "node:fs/promises";
import { codeOf, usageError } from "../base/errors.ts";
import { checkedArgument, text } from "../base/options.ts";
import { inSentences, readFailure } from "../base/system-errors.ts";
import { named } from "../base/text.ts";
import { pixelFault, type RgbImage } from "../data/rgb-image.ts";
import { openSession, type Session } from "../runtime/session.ts";
import { type Answer, ask, readArtifact } from "./artifact.ts";
import type { Trust } from "./trust.ts";

export { type Answer, type Prediction, predictionOf, ranked, readArtifact } from "./artifact.ts";

export interface Artifact {
  readonly path: string;
  readonly classes: readonly string[];
  readonly trust: Trust;
  predict(image: RgbImage): Promise<Answer>;
  close(): Promise<void>;
}

/**
 * The bytes of a model file.
 *
 * @throws GraftError (`usage`) where there is no such file; (`data`) where it cannot be read
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
 * @throws GraftError (`usage`) where there is no such file; (`data`) where it is not one of Graft's
 */
export const openArtifact = async (path: string): Promise<Artifact> =>
  inSentences(() => openChecked(checkedArgument(modelPath, path, "The first argument of openArtifact")));

const modelPath = text("the path of a model.onnx");

async function openChecked(path: string): Promise<Artifact> {
  const { classes, trust } = readArtifact(await readModelFile(path), path);
  return asArtifact(path, { classes, trust }, await openSession(path));
}

/** Opens an artifact that is in memory; `path` names it. */
export async function openArtifactBytes(bytes: Uint8Array, path: string): Promise<Artifact> {
  return asArtifact(path, readArtifact(bytes, path), await openSession(bytes));
}

function asArtifact(path: string, { classes, trust }: Pick<Artifact, "classes" | "trust">, session: Session): Artifact {
  return {
    path,
    classes,
    trust,
    async predict(image) {
      const fault = pixelFault(image);
      if (fault !== undefined) throw usageError(`The image to predict cannot be used: ${fault}.`);
      return ask(session, image);
    },
    close: () => session.close(),
  };
}
