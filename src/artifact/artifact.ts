/** An artifact that was read and is asked: one picture in, one answer out. Where the file's bytes come from is not its matter. */
import { dataError } from "../base/errors.ts";
import type { RgbImage } from "../data/rgb-image.ts";
import type { Model } from "../graph/model.ts";
import { decodeModel } from "../graph/onnx/read.ts";
import type { Session } from "../runtime/session.ts";
import { artifactKeys, IMAGE, LOGITS, NOVELTY, PROBABILITIES } from "./contract.ts";
import { type Doubt, doubtOf, type Trust, trustIn } from "./trust.ts";

/** What an artifact says of one picture. */
export interface Answer {
  /** `[C]`, calibrated. */
  readonly probabilities: Float32Array;
  /** `[C]`, before temperature scaling. */
  readonly logits: Float32Array;
  /** How unlike its training pictures the picture is; artifacts of earlier versions do not say. */
  readonly novelty: number | undefined;
}

/** One class of an answer. */
export interface Ranked {
  readonly label: string;
  readonly probability: number;
}

/** An artifact's graph, the classes that it tells apart, in the order of its answers, and how far those are to be trusted. */
export interface ArtifactFile {
  readonly model: Model;
  readonly classes: readonly string[];
  readonly trust: Trust;
}

/**
 * Reads the bytes of a `model.onnx` that Graft trained.
 *
 * @param source names it in errors
 * @throws GraftError (`data`) where it is no ONNX model, or not one that Graft trained
 */
export function readArtifact(bytes: Uint8Array, source: string): ArtifactFile {
  const model = decodeModel(bytes, source);
  const classes = parseClasses(model.metadata.get(artifactKeys.classes));
  if (classes) return { model, classes, trust: trustIn(model.metadata) };
  throw dataError(
    `${source} is an ONNX model, but not one that Graft trained (it names no classes): train one with \`graft train DATASET --network ${source}\`.`,
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

/** Asks a session that holds an artifact about one picture. */
export async function ask(session: Session, { width, height, data }: RgbImage): Promise<Answer> {
  const outputs = [PROBABILITIES, LOGITS, ...(session.outputs.includes(NOVELTY) ? [NOVELTY] : [])];
  const result = await session.run({ [IMAGE]: { dims: [1, height, width, 3], data } }, outputs);
  const novelty = result[NOVELTY];
  return {
    probabilities: result[PROBABILITIES]!.data as Float32Array,
    logits: result[LOGITS]!.data as Float32Array,
    novelty: novelty && Number(novelty.data[0]),
  };
}

/** The classes of an answer, most probable first. */
export function ranked(classes: readonly string[], { probabilities }: Pick<Answer, "probabilities">): Ranked[] {
  return classes
    .map((label, index) => ({ label, probability: probabilities[index]! }))
    .sort((a, b) => b.probability - a.probability);
}

/** What Graft answers of one picture, on the command line and over HTTP alike. */
export interface Prediction extends Ranked, Doubt {
  /** The most probable classes, best first. */
  readonly top: readonly Ranked[];
}

/** An answer as it is printed and sent, with its `top` best classes. */
export function predictionOf(
  { classes, trust }: Pick<ArtifactFile, "classes" | "trust">,
  answer: Pick<Answer, "probabilities" | "novelty">,
  top: number,
): Prediction {
  const best = ranked(classes, answer);
  return { ...best[0]!, top: best.slice(0, top), ...doubtOf(trust, classes, answer) };
}
