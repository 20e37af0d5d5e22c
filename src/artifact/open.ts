/** Opening an artifact and asking it: one picture in, one answer out, by the file alone. */
import { readFile } from "node:fs/promises";
import { codeOf, dataError, messageOf, usageError } from "../base/errors.ts";
import type { RgbImage } from "../data/decode.ts";
import type { Model } from "../graph/model.ts";
import { decodeModel } from "../graph/onnx/read.ts";
import { openSession } from "../runtime/session.ts";
import { artifactKeys, IMAGE, LOGITS, NOVELTY, PROBABILITIES } from "./contract.ts";
import { type Trust, trustIn } from "./trust.ts";

/** What an artifact says of one picture. */
export interface Answer {
  /** `[C]`, calibrated. */
  readonly probabilities: Float32Array;
  /** `[C]`, before temperature scaling. */
  readonly logits: Float32Array;
  /** How unlike its training pictures the picture is; artifacts of earlier versions do not say. */
  readonly novelty: number | undefined;
}

export interface Artifact {
  readonly path: string;
  readonly classes: readonly string[];
  /** How its answers are to be judged. */
  readonly trust: Trust;
  predict(image: RgbImage): Promise<Answer>;
  close(): Promise<void>;
}

/** An artifact's graph, and the classes that it tells apart. */
export interface ArtifactFile {
  readonly model: Model;
  readonly classes: readonly string[];
}

/**
 * Reads the bytes of a `model.onnx` that `graft train` wrote.
 *
 * @param path what to call it in errors
 * @throws GraftError (`data`) where it is not one of Graft's
 */
export function readArtifact(bytes: Uint8Array, path: string): ArtifactFile {
  const model = decodeModel(bytes, path);
  const classes = parseClasses(model.metadata.get(artifactKeys.classes));
  if (!classes) {
    throw dataError(
      `${path} is an ONNX model, but not one that Graft trained (it names no classes): train one with \`graft train DATASET --network ${path}\`.`,
    );
  }
  return { model, classes };
}

/**
 * The bytes of a model file.
 *
 * @throws GraftError (`usage`) where there is no such file; (`data`) where it cannot be read
 */
export function readModelFile(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT")
      throw usageError(`There is no model ${path}: train one with \`graft train DATASET\`.`, error);
    throw dataError(`Could not read the model ${path}: ${messageOf(error)}.`, error);
  });
}

/**
 * Opens a `model.onnx` that `graft train` wrote.
 *
 * @throws GraftError (`usage`) where there is no such file; (`data`) where it is not one of Graft's
 */
export async function openArtifact(path: string): Promise<Artifact> {
  const { model, classes } = readArtifact(await readModelFile(path), path);
  const trust = trustIn(model.metadata);
  const session = await openSession(path);
  const outputs = [PROBABILITIES, LOGITS, ...(session.outputs.includes(NOVELTY) ? [NOVELTY] : [])];
  return {
    path,
    classes,
    trust,
    async predict({ width, height, data }) {
      const result = await session.run({ [IMAGE]: { dims: [1, height, width, 3], data } }, outputs);
      return {
        probabilities: result[PROBABILITIES]!.data as Float32Array,
        logits: result[LOGITS]!.data as Float32Array,
        novelty: result[NOVELTY] && Number(result[NOVELTY].data[0]),
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
  { probabilities }: Pick<Answer, "probabilities">,
): { label: string; probability: number }[] {
  return classes
    .map((label, index) => ({ label, probability: probabilities[index]! }))
    .sort((a, b) => b.probability - a.probability);
}

/** What Graft answers of one picture, on the command line and over HTTP alike. */
export interface Prediction {
  /** The most probable class. */
  readonly label: string;
  readonly probability: number;
  /** The most probable classes, best first. */
  readonly top: readonly { readonly label: string; readonly probability: number }[];
}

/** An answer as it is printed and sent, with its `top` best classes. */
export function predictionOf(classes: readonly string[], answer: Answer, top: number): Prediction {
  const best = ranked(classes, answer);
  return { ...best[0]!, top: best.slice(0, top) };
}
