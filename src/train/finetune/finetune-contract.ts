/** What a fine-tuning gets, and what it reports. */

import type { OnProgress } from "../../base/progress.ts";
import type { Groups } from "../../data/dataset/split.ts";
import type { Scores } from "../../metrics/logits.ts";
import type { Head } from "../../model/artifact-graph.ts";
import type { CutShape } from "../../networks/backbone/backbone.ts";
import type { Network } from "../../networks/network.ts";
import type { KnownImage } from "../features/images-and-records.ts";
import type { Choice, LogitsByEpoch } from "./judgement.ts";
import type { RangeTest, Recipe, RecipeFlags } from "./recipe.ts";
import type { StoredType } from "./trainable-part.ts";
import type { EpochRecord, Stop, TrainingState } from "./training-loop.ts";

/** What a user may say of a fine-tuning. */
export interface FinetuneOptions extends RecipeFlags {
  /** A stage, `all`, or a number of last stages. */
  readonly unfreeze: string | number;
  /** Whether the network has learned nothing yet: its head begins afresh too, and batch norm goes by the batch. */
  readonly fromScratch?: boolean | undefined;
  /** Whether to look for the learning rate first. */
  readonly findLr?: boolean | undefined;
  /** `off`: the frozen part runs in every step, and only pixels are kept. Default `auto`. */
  readonly boundaryCache?: "auto" | "off" | undefined;
  /** How the frozen part's outputs are kept. Default in half precision where that reaches, which costs no accuracy (`bench -- storage`). */
  readonly precision?: "float16" | "float32" | undefined;
  /** Where checkpoints are written; without it there are none. */
  readonly checkpoint?: string | undefined;
  /** Goes on from the checkpoint, if there is one. */
  readonly resume?: boolean | undefined;
}

/** Images with their labels. */
export interface Labelled {
  readonly images: readonly KnownImage[];
  readonly labels: Int32Array;
  /** The group of each; default each stands alone. */
  readonly groups?: Groups | undefined;
}

/** What one training has, and what is held out of it. */
export interface Apart {
  /** The linear probe's, fitted on the same training images. */
  readonly head: Head;
  readonly train: Labelled;
  readonly validation: Labelled;
}

export interface FinetuneInput extends Apart {
  readonly network: Network;
  readonly shape: CutShape;
  /** Further trainings, of other examples, that only judge: what they hold out and answer counts as validation too. Default none. */
  readonly further?: readonly Apart[] | undefined;
  readonly test: Labelled;
  readonly classes: number;
  readonly classWeights: "none" | "balanced";
  readonly seed: number;
  /** Epochs without improvement after which training ends; default the recipe's. */
  readonly patience?: number | undefined;
  /** Aborted, training ends after its first epoch with what it has by then. */
  readonly enough?: AbortSignal | undefined;
  /** What the progress is called. Default "Fine-tuning". */
  readonly title?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice, and for each thing that went otherwise than asked. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called after each epoch of the training whose weights may be kept, once it has been judged. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was chosen by what the machine had to spare, and must not be chosen again. */
export interface Choices {
  /** The boundary's tensor, and how it is stored. */
  readonly tensor: string;
  readonly stored: string;
  readonly views: number;
  readonly learningRate: number;
}

/** All that a training is at one moment. */
export interface Checkpoint {
  readonly choices: Choices;
  readonly state: TrainingState;
  /** The predictions of the trainings that were done before this one, to judge by. */
  readonly done: readonly LogitsByEpoch[];
}

/** What a fine-tuning reports: the JSON's `finetune`. */
export interface FinetuneFacts {
  /** The stages that were trained. */
  readonly stages: readonly string[];
  /** The tensor that the frozen part ends in, or `pixels`. */
  readonly boundary: string;
  /** Views of each training image. */
  readonly views: number;
  readonly storage: { readonly type: StoredType; readonly bytes: number };
  /** Epochs that were run. */
  readonly epochs: number;
  /** The last epoch in the weights that are kept, which are averages of the last epochs; 0 where the linear probe is kept. */
  readonly bestEpoch: number;
  readonly kept: "fine-tuned" | "linear-probe";
  /** What was kept and why, in a sentence. */
  readonly why: string;
  /** The figures that decided; nothing where training failed before its first epoch ended. */
  readonly choice?: Choice | undefined;
  /** Why it ended before its last epoch. */
  readonly stop?: Stop | undefined;
  readonly history: readonly EpochRecord[];
  /** How the linear probe answered to the same validation images. */
  readonly probe: Scores;
  readonly recipe: Recipe;
  readonly rangeTest?: RangeTest | undefined;
  /** Views that went through the frozen part now, and how many a second. */
  readonly front: { readonly computed: number; readonly rate: number };
}
