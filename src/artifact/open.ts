/** Opening an artifact and asking it: one picture in, one answer out, by the file alone. */
import { readFile } from "node:fs/promises";
import { codeOf, dataError, messageOf, usageError } from "../base/errors.ts";
import type { RgbImage } from "../data/decode.ts";
import { decodeModel } from "../graph/onnx/read.ts";
import { openSession } from "../runtime/session.ts";
import { artifactKeys, IMAGE, LOGITS, PROBABILITIES } from "./contract.ts";

/** What an artifact says of one picture. */
export interface Answer {
  /** `[C]`, calibrated. */
  readonly probabilities: Float32Array;
  /** `[C]`, before temperature scaling. */
  readonly logits: Float32Array;
}

export interface Artifact {
  readonly path: string;
  readonly classes: readonly string[];
  predict(image: RgbImage): Promise<Answer>;
  close(): Promise<void>;
}

/**
 * Opens a `model.onnx` that `graft train` wrote.
 *
 * @throws GraftError (`usage`) where there is no such file; (`data`) where it is not one of Graft's
 */
export async function openArtifact(path: string): Promise<Artifact> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT")
      throw usageError(`There is no model ${path}: train one with \`graft train DATASET\`.`, error);
    throw dataError(`Could not read the model ${path}: ${messageOf(error)}.`, error);
  });
  const { metadata } = decodeModel(bytes, path);
  const classes = parseClasses(metadata.get(artifactKeys.classes));
  if (!classes) {
    throw dataError(
      `${path} is an ONNX model, but not one that Graft trained (it names no classes): train one with \`graft train DATASET --network ${path}\`.`,
    );
  }
  const session = await openSession(path);
  return {
    path,
    classes,
    async predict({ width, height, data }) {
      const result = await session.run({ [IMAGE]: { dims: [1, height, width, 3], data } }, [PROBABILITIES, LOGITS]);
      return {
        probabilities: result[PROBABILITIES]!.data as Float32Array,
        logits: result[LOGITS]!.data as Float32Array,
      };
    },
    close: () => session.close(),
  };
}

function parseClasses(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((name) => typeof name === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The classes of an answer, most probable first. */
export function ranked(
  classes: readonly string[],
  { probabilities }: Answer,
): { label: string; probability: number }[] {
  return classes
    .map((label, index) => ({ label, probability: probabilities[index]! }))
    .sort((a, b) => b.probability - a.probability);
}
