/** Evaluates a trained model on labelled images, as `graft evaluate` does, and selects the images for it. Prints nothing. */

import { dataError } from "../base/errors.ts";
import type { OnProgress } from "../base/progress.ts";
import { listed, shown } from "../base/text.ts";
import type { Dataset, Example, Ignored } from "../data/dataset/discover.ts";
import type { Evaluation } from "../metrics/evaluation.ts";
import { evaluatePredictions } from "../metrics/evaluation.ts";
import type { Artifact } from "../model/open-artifact.ts";
import { predictFiles } from "../model/open-artifact.ts";
import { uncertaintyOf } from "../model/predict.ts";

/** The evaluation images of a dataset: its test part, else its validation part, else all. */
export interface EvaluationPart {
  readonly part: "test" | "validation" | undefined;
  readonly examples: readonly Example[];
}

export function evaluationPart({ examples }: Pick<Dataset, "examples">): EvaluationPart {
  const part = (["test", "validation"] as const).find((one) => examples.some(({ split }) => split === one));
  return { part, examples: part === undefined ? examples : examples.filter(({ split }) => split === part) };
}

/** What `graft evaluate --json` prints. */
export interface ModelEvaluation extends Evaluation {
  /** Which images: the test or the validation part, `train` if the model may have learned from them, or all. */
  readonly part: "test" | "validation" | "train" | "all";
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly ignored: readonly Ignored[];
  /** Images called unknown; undefined for a model without out-of-distribution scores. */
  readonly unknown?: number | undefined;
}

export interface EvaluateModelOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Evaluates a model on a dataset.
 *
 * @param path of the dataset, for error messages
 * @throws GraftError (`data`) if the dataset has a class that the model does not know, or no readable image; the signal's
 *   reason
 */
export async function evaluateModel(
  artifact: Artifact,
  dataset: Dataset,
  path: string,
  { onProgress, signal }: EvaluateModelOptions = {},
): Promise<ModelEvaluation> {
  const { part, examples } = evaluationPart(dataset);
  const labelsOfAll = examples.map(({ label }) => labelIn(artifact.classes, dataset.classes[label]!));
  const labels: number[] = [];
  const rows: Float32Array[] = [];
  const skipped: { path: string; reason: string }[] = [];
  let [at, unknown] = [0, 0];
  const paths = examples.map((example) => example.path);
  for await (const predicted of predictFiles(artifact, paths, { stage: "Evaluating", onProgress, signal })) {
    const truth = labelsOfAll[at++]!;
    if (predicted.kind === "unreadable") {
      skipped.push({ path: predicted.path, reason: predicted.reason });
      continue;
    }
    rows.push(predicted.raw.probabilities);
    if (uncertaintyOf(artifact.uncertainty, artifact.classes, predicted.raw).unknown) unknown++;
    labels.push(truth);
  }
  if (rows.length === 0) throw dataError(`None of the ${examples.length} images of ${path} could be read.`);
  const probabilities = Float32Array.from(rows.flatMap((row) => [...row]));
  const learned = examples.some(({ split }) => split === "train");
  return {
    part: part ?? (learned ? "train" : "all"),
    skipped,
    ignored: dataset.ignored,
    unknown: artifact.uncertainty.novelty ? unknown : undefined,
    ...evaluatePredictions({ probabilities, labels, classes: [...artifact.classes] }),
  };
}

/** The index of a class among the model's classes. Throws a data error if there is no such class. */
function labelIn(classes: readonly string[], name: string): number {
  const label = classes.indexOf(name);
  if (label >= 0) return label;
  throw dataError(`The model has no class ${shown(name)}: its classes are ${listed(classes)}.`);
}
