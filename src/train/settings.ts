/** What a training is given, on any platform: images with their classes, and how to learn from them. Types alone. */
import type { Split } from "../data/dataset/split-names.ts";
import type { Network } from "../zoo/network.ts";
import type { Effort } from "./effort.ts";
import type { Listening } from "./environment.ts";
import type { FinetuneOptions } from "./finetune/input.ts";
import type { EpochRecord } from "./finetune/trainer.ts";
import type { ImageSource } from "./image-source.ts";

/** An image with its class. */
export interface TrainExample {
  readonly source: ImageSource;
  /** Index of the class. */
  readonly label: number;
  /** Examples of one group (a recording, a patient, a burst) are never separated by a split. Copies are found without it. */
  readonly group?: string | undefined;
  /** Default: it may be in any part. */
  readonly split?: Split | undefined;
}

export interface TrainingSet {
  readonly classes: readonly string[];
  readonly examples: readonly TrainExample[];
}

export interface TrainSettings extends Listening {
  readonly network: Network;
  /** The same seed gives the same split, folds, batches, views and weights. */
  readonly seed: number;
  readonly classWeights: "none" | "balanced";
  readonly effort: Effort;
  /** Trains stages of the network too; without it, the head alone. */
  readonly finetune?: FinetuneOptions | undefined;
  /** What a set without a test part is tested on: images that are held out, or none, so that all are learned from. */
  readonly test: "held-out" | "none";
  /** Called with a sentence for each choice that was made and each thing that went otherwise than asked. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called after each epoch of fine-tuning, when it has been judged. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
}
