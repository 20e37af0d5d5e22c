/** Reads an artifact and predicts one image. Knows nothing of where the file's bytes come from. */
import { dataError } from "../base/errors.ts";
import type { RgbImage } from "../data/rgb-image.ts";
import type { Model } from "../graph/model.ts";
import { decodeModel } from "../graph/onnx/read.ts";
import type { Session } from "../runtime/session.ts";
import { artifactKeys, IMAGE, LOGITS, NOVELTY, PROBABILITIES } from "./contract.ts";
import { type Doubt, doubtOf, readUncertaintyRules, type UncertaintyRules } from "./trust.ts";

/** An artifact's outputs for one image. */
export interface RawPrediction {
  /** `[C]`, calibrated. */
  readonly probabilities: Float32Array;
  /** `[C]`, before temperature scaling. */
  readonly logits: Float32Array;
  /** The out-of-distribution score: how unlike the training images the image is; undefined for artifacts of earlier versions. */
  readonly oodScore: number | undefined;
}

/** A class with its probability. */
export interface Ranked {
  readonly label: string;
  readonly probability: number;
}

/** An artifact's graph, its classes in the order of its outputs, and its rules of uncertainty. */
export interface ArtifactFile {
  readonly model: Model;
  readonly classes: readonly string[];
  readonly uncertainty: UncertaintyRules;
}

/**
 * Reads the bytes of a `model.onnx` that Graft trained.
 *
 * @param source its name in errors
 * @throws GraftError (`data`) if it is not an ONNX model, or not one that Graft trained
 */
export function readArtifact(bytes: Uint8Array, source: string): ArtifactFile {
  const model = decodeModel(bytes, source);
  const classes = parseClasses(model.metadata.get(artifactKeys.classes));
  if (classes) return { model, classes, uncertainty: readUncertaintyRules(model.metadata) };
  throw dataError(
    `${source} is an ONNX model, but not one that Graft trained (its metadata has no classes): train one with \`graft train DATASET --network ${source}\`.`,
  );
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

/** Runs a session that holds an artifact on one image. */
export async function predictImage(session: Session, { width, height, data }: RgbImage): Promise<RawPrediction> {
  const outputs = [PROBABILITIES, LOGITS, ...(session.outputs.includes(NOVELTY) ? [NOVELTY] : [])];
  const result = await session.run({ [IMAGE]: { dims: [1, height, width, 3], data } }, outputs);
  const score = result[NOVELTY];
  return {
    probabilities: result[PROBABILITIES]!.data as Float32Array,
    logits: result[LOGITS]!.data as Float32Array,
    oodScore: score && Number(score.data[0]),
  };
}

/** The classes by probability, most probable first. */
export function ranked(classes: readonly string[], { probabilities }: Pick<RawPrediction, "probabilities">): Ranked[] {
  return classes
    .map((label, index) => ({ label, probability: probabilities[index]! }))
    .sort((a, b) => b.probability - a.probability);
}

/** The prediction of one image as the command line and HTTP return it. */
export interface Prediction extends Ranked, Doubt {
  /** The most probable classes, best first. */
  readonly top: readonly Ranked[];
}

/** Turns raw outputs into a prediction with its `top` most probable classes. */
export function predictionOf(
  { classes, uncertainty }: Pick<ArtifactFile, "classes" | "uncertainty">,
  raw: Pick<RawPrediction, "probabilities" | "oodScore">,
  top: number,
): Prediction {
  const best = ranked(classes, raw);
  return { ...best[0]!, top: best.slice(0, top), ...doubtOf(uncertainty, classes, raw) };
}
