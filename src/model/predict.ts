/**
 * Reads an artifact, predicts one image, and applies the artifact's rules of uncertainty. Knows nothing of where the file's bytes come
 * from.
 */
import { dataError } from "../base/errors.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { type Conformal, conformalSet } from "../metrics/conformal.ts";
import { decodeModel } from "../onnx/codec/read-model.ts";
import type { Model } from "../onnx/model.ts";
import type { Session } from "../onnx/session/session.ts";
import { artifactKeys, IMAGE, LOGITS, OOD_SCORE, type OodRule, PROBABILITIES } from "./artifact-graph.ts";

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
export interface RankedClass {
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
  const outputs = [PROBABILITIES, LOGITS, ...(session.outputs.includes(OOD_SCORE) ? [OOD_SCORE] : [])];
  const result = await session.run({ [IMAGE]: { dims: [1, height, width, 3], data } }, outputs);
  const score = result[OOD_SCORE];
  return {
    probabilities: result[PROBABILITIES]!.data as Float32Array,
    logits: result[LOGITS]!.data as Float32Array,
    oodScore: score && Number(score.data[0]),
  };
}

/** The classes by probability, most probable first. */
export function ranked(
  classes: readonly string[],
  { probabilities }: Pick<RawPrediction, "probabilities">,
): RankedClass[] {
  return classes
    .map((label, index) => ({ label, probability: probabilities[index]! }))
    .sort((a, b) => b.probability - a.probability);
}

/** The prediction of one image as the command line and HTTP return it. */
export interface Prediction extends RankedClass, Uncertainty {
  /** The most probable classes, best first. */
  readonly top: readonly RankedClass[];
}

/** Turns raw outputs into a prediction with its `top` most probable classes. */
export function predictionOf(
  { classes, uncertainty }: Pick<ArtifactFile, "classes" | "uncertainty">,
  raw: Pick<RawPrediction, "probabilities" | "oodScore">,
  top: number,
): Prediction {
  const best = ranked(classes, raw);
  return { ...best[0]!, top: best.slice(0, top), ...uncertaintyOf(uncertainty, classes, raw) };
}

// The uncertainty of a prediction: whether the image is unlike everything the model was trained on, and which classes cannot be ruled
// out. The rules are in the artifact's metadata; artifacts of earlier versions have none, and then nothing is reported.

/** The rules in an artifact's metadata. */
export interface UncertaintyRules {
  readonly novelty?: OodRule | undefined;
  readonly conformal?: Conformal | undefined;
}

/** The uncertainty of one prediction. */
export interface Uncertainty {
  /** Whether the image is unlike everything that the model was trained on: then its class means nothing. */
  readonly unknown?: boolean | undefined;
  /** The out-of-distribution score: unknown above the rule's threshold. The key is that of today's JSON. */
  readonly novelty?: number | undefined;
  /** The classes that cannot be ruled out, most probable first; see {@link conformalSet}. */
  readonly set?: readonly string[] | undefined;
}

/** Reads the rules. Metadata that is not of this form is ignored. */
export function readUncertaintyRules(metadata: ReadonlyMap<string, string>): UncertaintyRules {
  const novelty = numbersIn(metadata.get(artifactKeys.novelty), [
    "threshold",
    "falseAlarmRate",
    "neighbours",
    "fittedOn",
  ]);
  const conformal = numbersIn(metadata.get(artifactKeys.conformal), ["coverage", "threshold", "calibratedOn"]);
  return { novelty, conformal };
}

/**
 * Applies the rules to one prediction.
 *
 * @param oodScore the artifact's out-of-distribution score of this image
 * @param probabilities `[C]`
 */
export function uncertaintyOf(
  { novelty: rule, conformal }: UncertaintyRules,
  classes: readonly string[],
  { probabilities, oodScore }: { readonly probabilities: Float32Array; readonly oodScore: number | undefined },
): Uncertainty {
  const known = rule && oodScore !== undefined ? { unknown: oodScore > rule.threshold, novelty: oodScore } : {};
  return { ...known, set: conformal && conformalSet(probabilities, conformal).map((label) => classes[label]!) };
}

/** Parses a JSON object in which all the keys are finite numbers. */
function numbersIn<K extends string>(text: string | undefined, keys: readonly K[]): Record<K, number> | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<K, unknown>> | null;
    const isComplete = keys.every((key) => Number.isFinite(value?.[key]));
    return isComplete ? (Object.fromEntries(keys.map((key) => [key, value![key]])) as Record<K, number>) : undefined;
  } catch {
    return undefined;
  }
}
