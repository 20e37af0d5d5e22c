/** Training in a page: from images to the bytes of a `model.onnx`, by the same code as in Node. Nothing leaves the page. */
import { dataError } from "../base/errors.ts";
import type { Evaluation } from "../metrics/evaluation.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import type { FeatureChoice } from "../train/features/choose-features.ts";
import type { FinetuneFacts } from "../train/finetune/finetune-contract.ts";
import type { ValidationSource } from "../train/learn.ts";
import { trainIn } from "../train/train.ts";
import type { TrainingSet } from "../train/training-set.ts";
import { pixelImages, webEnvironment } from "../train/web.ts";
import { type EngineFacts, openEngine } from "./page-engine.ts";
import { checkedTrainOptions, type Example, type TrainOptions } from "./page-options.ts";
import { pixelsOf } from "./page-pixels.ts";

export interface TrainResult {
  /** The bytes of `model.onnx`: for {@link import("./open-in-page.ts").openArtifact}, or to save. */
  readonly model: Uint8Array<ArrayBuffer>;
  readonly classes: readonly string[];
  /**
   * The evaluation on images that were not trained on: by cross-validation, or held out of fine-tuning. There is no test part: all examples
   * train the model.
   */
  readonly validation: Evaluation & { readonly source: ValidationSource };
  /** The number of images that trained the head. */
  readonly trained: number;
  /** Unreadable images, by their positions in the examples. */
  readonly skipped: readonly { readonly place: number; readonly reason: string }[];
  /** Which features were tried and chosen; undefined after fine-tuning, which starts from the network's own cut. */
  readonly choice?: FeatureChoice | undefined;
  /** The report of fine-tuning, if requested. */
  readonly finetune?: FinetuneFacts | undefined;
  readonly engine: EngineFacts;
}

/**
 * Trains a head for a network and, if requested, its last stages with it. A page is blocked during a step and updates between steps; training in
 * a worker never blocks the page.
 *
 * @throws GraftError (`data`) if the images cannot be learned from; (`usage`) if an option is invalid, or there is no such stage; the signal's
 *   reason if it was aborted
 *
 * @example
 * import { openArtifact, openNetwork, train } from "graft-ml/web";
 * const network = await openNetwork("/mobilenet_v2.onnx", { preprocessing: "inception" });
 * const examples = files.map(({ file, label }) => ({ picture: file, label }));
 * const { model, validation } = await train({ network, examples, unfreeze: 1, onProgress: console.log });
 * console.log(validation.accuracy, validation.interval);
 * const artifact = await openArtifact(model);
 */
export async function train(given: TrainOptions): Promise<TrainResult> {
  const { examples, unfreeze, epochs, batch, learningRate, augment, ...settings } = checkedTrainOptions(given);
  settings.signal?.throwIfAborted();
  const engine = await openEngine();
  const set = setOf(examples);
  const { artifact, validation, trained, skipped, choice, finetune } = await trainIn(
    webEnvironment({ halfPrecision: engine.device === "wasm" }),
    set,
    {
      ...settings,
      test: "none",
      finetune: unfreeze === "none" ? undefined : { unfreeze, epochs, batch, learningRate, augment },
    },
  );
  return {
    ...{ model: encodeModelWhole(artifact), classes: set.classes, trained, skipped, choice, finetune, engine },
    validation: { ...validation.evaluation, source: validation.source },
  };
}

function setOf(examples: readonly Example[]): TrainingSet {
  const classes = [...new Set(examples.map(({ label }) => label))].sort();
  if (classes.length < 2) throw dataError(`All images have the class "${classes[0]}": add images of another class.`);
  const sources = pixelImages(
    examples.map(
      ({ picture }) =>
        async () =>
          pixelsOf(typeof picture === "function" ? await picture() : picture),
    ),
  );
  return {
    classes,
    examples: examples.map(({ label, group }, place) => ({
      ...{ label: classes.indexOf(label), group, source: sources[place]! },
    })),
  };
}
