/** The input, options, checkpoint and report of a fine-tuning. Types only. */

import type { OnProgress } from "../../base/progress.ts";
import type { Groups } from "../../data/dataset/split.ts";
import type { Scores } from "../../metrics/logits.ts";
import type { Head } from "../../model/artifact-graph.ts";
import type { CutShape } from "../../networks/backbone/backbone.ts";
import type { TrainableWeights } from "../../networks/backbone/trainable-weights.ts";
import type { Network } from "../../networks/network.ts";
import type { KnownImage } from "../features/images-and-records.ts";
import type { RangeTest, Recipe, RecipeFlags } from "./recipe.ts";
import type { StoredType } from "./trainable-part.ts";
import type { EpochRecord, Stop, TrainingState } from "./training-loop.ts";
import type { Choice, LogitsByEpoch } from "./validation.ts";

/** The options of a fine-tuning. */
export interface FinetuneOptions extends RecipeFlags {
  /** A stage, `all`, or a number of last stages. */
  readonly unfreeze: string | number;
  /** Whether the network is untrained: then its head starts untrained too, and batch norm uses the statistics of each batch. */
  readonly fromScratch?: boolean | undefined;
  /** Whether to search for the learning rate first. */
  readonly findLr?: boolean | undefined;
  /** `off`: the frozen part runs in every step, and only pixels are stored. Default `auto`. */
  readonly boundaryCache?: "auto" | "off" | undefined;
  /**
   * How the frozen part's outputs are stored. Default: half precision if its range suffices, which costs no accuracy (`bench -- storage`).
   */
  readonly precision?: "float16" | "float32" | undefined;
  /** The path of the checkpoint; default no checkpoints. */
  readonly checkpoint?: string | undefined;
  /** Continues from the checkpoint, if there is one. */
  readonly resume?: boolean | undefined;
}

/** Images with their labels. */
export interface Labelled {
  readonly images: readonly KnownImage[];
  readonly labels: Int32Array;
  /** The group of each image; default: each image is its own group. */
  readonly groups?: Groups | undefined;
}

/** The images that one training uses, and those held out of it. */
export interface TrainingSplit {
  /** The head of a linear probe, fitted on the same training images. */
  readonly head: Head;
  readonly train: Labelled;
  readonly validation: Labelled;
}

export interface FinetuneInput extends TrainingSplit {
  readonly network: Network;
  readonly shape: CutShape;
  /**
   * Further trainings on other examples that are for validation only: their held-out examples and predictions are used too. Default none.
   */
  readonly further?: readonly TrainingSplit[] | undefined;
  readonly test: Labelled;
  readonly classes: number;
  readonly classWeights: "none" | "balanced";
  readonly seed: number;
  /** Epochs without improvement after which training ends; default: as in the recipe. */
  readonly patience?: number | undefined;
  /** When aborted, training ends with its current result, but not before the end of its first epoch. */
  readonly enough?: AbortSignal | undefined;
  /** The title in progress reports. Default "Fine-tuning". */
  readonly title?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice made and each deviation from the request. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called after each epoch of the training whose weights may be kept, once it has been validated. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Choices that depended on the machine's free resources, and that a continued training must keep. */
export interface Choices {
  /** The boundary's tensor, and how it is stored. */
  readonly tensor: string;
  readonly stored: string;
  readonly views: number;
  readonly learningRate: number;
}

/** The complete state of a fine-tuning. */
export interface Checkpoint {
  readonly choices: Choices;
  readonly state: TrainingState;
  /** The predictions of the trainings before this one, for validation. */
  readonly done: readonly LogitsByEpoch[];
}

/** What a fine-tuning reports: the JSON's `finetune`. */
export interface FinetuneFacts {
  /** The stages that were trained. */
  readonly stages: readonly string[];
  /** How many of how many weight values of these stages train. */
  readonly weights: TrainableWeights;
  /** The tensor at the end of the frozen part, or `pixels`. */
  readonly boundary: string;
  /** Views of each training image. */
  readonly views: number;
  readonly storage: { readonly type: StoredType; readonly bytes: number };
  /** Number of epochs. */
  readonly epochs: number;
  /** The last epoch in the kept weights, which are averages of the last epochs; 0 if the linear probe is kept. */
  readonly bestEpoch: number;
  readonly kept: "fine-tuned" | "linear-probe";
  /** What was kept and why, in one sentence. */
  readonly why: string;
  /** The figures that decided; undefined if training failed in its first epoch. */
  readonly choice?: Choice | undefined;
  /** Why training ended before its last epoch. */
  readonly stop?: Stop | undefined;
  readonly history: readonly EpochRecord[];
  /** The linear probe's scores on the same validation images. */
  readonly probe: Scores;
  readonly recipe: Recipe;
  readonly rangeTest?: RangeTest | undefined;
  /** Views that the frozen part computed, and how many per second. */
  readonly front: { readonly computed: number; readonly rate: number };
}
