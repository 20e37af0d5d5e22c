/** A trained model on labelled images: what `graft evaluate` measures, and the images by which an exported model is judged. Prints nothing. */

import { dataError } from "../base/errors.ts";
import type { OnProgress } from "../base/progress.ts";
import { listed, shown } from "../base/text.ts";
import type { Dataset, Example, Ignored } from "../data/dataset/discover.ts";
import type { Evaluation } from "../metrics/evaluation.ts";
import { evaluatePredictions } from "../metrics/evaluation.ts";
import type { Artifact } from "../model/open-artifact.ts";
import { predictFiles } from "../model/open-artifact.ts";
import { uncertaintyOf } from "../model/predict.ts";

/** The images of a dataset that a model is judged on: its test part, else its validation part, else all. */
export interface JudgedPart {
  readonly part: "test" | "validation" | undefined;
  readonly examples: readonly Example[];
}

export function judgedPart({ examples }: Pick<Dataset, "examples">): JudgedPart {
  const part = (["test", "validation"] as const).find((one) => examples.some(({ split }) => split === one));
  return { part, examples: part === undefined ? examples : examples.filter(({ split }) => split === part) };
}

/** What `graft evaluate --json` prints. */
export interface ModelEvaluation extends Evaluation {
  /** Which images: of the test or the validation part, of a part that the model may have learned from, or all. */
  readonly part: "test" | "validation" | "train" | "all";
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly ignored: readonly Ignored[];
  /** Images called unknown; nothing for a model that calls none so. */
  readonly unknown?: number | undefined;
}

export interface EvaluateModelOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Evaluates a model on a dataset.
 *
 * @param path of the dataset, for the error
 * @throws GraftError (`data`) where it has a class that the model does not know, or no image that can be read; the signal's reason
 */
export async function evaluateModel(
  artifact: Artifact,
  dataset: Dataset,
  path: string,
  { onProgress, signal }: EvaluateModelOptions = {},
): Promise<ModelEvaluation> {
  const { part, examples } = judgedPart(dataset);
  const truths = examples.map(({ label }) => labelIn(artifact.classes, dataset.classes[label]!));
  const labels: number[] = [];
  const rows: Float32Array[] = [];
  const skipped: { path: string; reason: string }[] = [];
  let [at, unknown] = [0, 0];
  const paths = examples.map((example) => example.path);
  for await (const predicted of predictFiles(artifact, paths, { stage: "Evaluating", onProgress, signal })) {
    const truth = truths[at++]!;
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

/** The position of a class among the model's. Throws a data error where it has none of the name. */
function labelIn(classes: readonly string[], name: string): number {
  const label = classes.indexOf(name);
  if (label >= 0) return label;
  throw dataError(`The model has no class ${shown(name)}: its classes are ${listed(classes)}.`);
}
