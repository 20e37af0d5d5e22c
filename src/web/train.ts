/** Training in a page: images in, a `model.onnx` out, by the very code that Node trains with. Nothing leaves the page. */
import { dataError } from "../base/errors.ts";
import type { OnProgress } from "../base/progress.ts";
import type { Evaluation } from "../evaluate/evaluation.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";
import type { FeatureChoice } from "../train/choose-features.ts";
import type { Effort } from "../train/effort.ts";
import type { FinetuneFacts } from "../train/finetune/input.ts";
import type { RecipeFlags } from "../train/finetune/recipe.ts";
import type { TrainingSet } from "../train/settings.ts";
import { trainIn } from "../train/train.ts";
import type { ValidationSource } from "../train/trained.ts";
import { pixelImages, webEnvironment } from "../train/web.ts";
import type { Network } from "../zoo/network.ts";
import { type EngineFacts, openEngine } from "./engine.ts";
import { checkedTrainOptions } from "./options.ts";
import { type Picture, pixelsOf } from "./pixels.ts";

/** A picture with its class. A function is called whenever the picture is needed, so that not all need be in memory. */
export interface Example {
  readonly picture: Picture | (() => Picture | Promise<Picture>);
  readonly label: string;
  /** Examples of one group (a recording, a patient, a burst) are never separated by a split. Copies are found without it. */
  readonly group?: string | undefined;
}

export interface TrainOptions extends RecipeFlags {
  readonly network: Network;
  readonly examples: readonly Example[];
  /** `none` trains the head alone; else the name of a stage, `all`, or how many of the last stages. Default `none`. */
  readonly unfreeze?: string | number | undefined;
  /** Default 0. The same seed gives the same split, folds, batches and views. */
  readonly seed?: number | undefined;
  /** `balanced`: each class counts the same, however rare. Default `none`: each image does. */
  readonly classWeights?: "none" | "balanced" | undefined;
  /**
   * How much is tried before the features are settled on, by cross-validation. `quick` (default): cuts of the network that cost no time.
   * `better`: all of its cuts, and the mean over mirrored views. A fine-tuning starts from the network's own cut.
   */
  readonly effort?: Effort | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice, and for each thing that went otherwise than asked. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Ends the training with the signal's reason, between two steps. */
  readonly signal?: AbortSignal | undefined;
}

export interface TrainResult {
  /** The bytes of `model.onnx`: for {@link import("./artifact.ts").openArtifact}, or to be saved. */
  readonly model: Uint8Array<ArrayBuffer>;
  readonly classes: readonly string[];
  /**
   * Of images that took no part: each by the fold of a cross-validation that did not see it, or held out of fine-tuning. A page has no
   * test part: all examples are learned from.
   */
  readonly validation: Evaluation & { readonly source: ValidationSource };
  /** How many images trained the head. */
  readonly trained: number;
  /** Images that could not be read, by their place among the examples. */
  readonly skipped: readonly { readonly place: number; readonly reason: string }[];
  /** Which features were tried and taken; nothing where a fine-tuning settled on its own. */
  readonly choice?: FeatureChoice | undefined;
  /** How fine-tuning went, where it was asked for. */
  readonly finetune?: FinetuneFacts | undefined;
  readonly engine: EngineFacts;
}

/**
 * Trains a head for a network and, where asked, its last stages with it. A page stands still during a step; between steps
 * it draws itself. In a worker it never does.
 *
 * @throws GraftError (`data`) where the pictures cannot be learned from; (`usage`) where an option does not fit, or there is no such stage; the signal's
 *   reason where it was aborted
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
  if (classes.length < 2)
    throw dataError(`All pictures are of the class "${classes[0]}": add pictures of another at least.`);
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
