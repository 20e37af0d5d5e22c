/** What a training comes to, on any platform: types alone. */
import type { Calibration, MeasuredCalibration } from "../metrics/calibrate.ts";
import type { Evaluation } from "../metrics/evaluation.ts";
import type { CutShape } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import type { Model } from "../onnx/model.ts";
import type { FeatureChoice } from "./features/choose-features.ts";
import type { FinetuneFacts } from "./finetune/finetune.ts";
import type { HeadFit } from "./head/fit.ts";
import type { TestedUncertainty, UncertaintyFacts } from "./uncertainty.ts";

/** Predictions for images whose class is known, row by row. */
export interface Judged {
  /** Positions in the set. */
  readonly places: readonly number[];
  /** `[N, C]` */
  readonly logits: Float32Array;
  /** `[N, C]`, after temperature scaling; of images that the temperature was fitted on, at that of the other folds */
  readonly probabilities: Float32Array;
  readonly evaluation: Evaluation;
}

/** Test images that are not new to the model, and the accuracy on the others. */
export interface Straddling {
  readonly images: number;
  /** Nothing where no other is left. */
  readonly without: Pick<Evaluation, "examples" | "correct" | "accuracy" | "interval"> | undefined;
}

/** How the model does on the test images. */
export interface Tested extends Judged, TestedUncertainty {
  readonly source: "folder" | "held-out";
  /** Test images of which training or validation has a copy: in a test part of the dataset's own, or where a class is one group. */
  readonly straddling: Straddling | undefined;
  readonly calibration: MeasuredCalibration;
}

/** Examples that belong together and were kept on one side of every split. */
export interface GroupFacts {
  /** Groups of two or more. */
  readonly count: number;
  /** Examples in them. */
  readonly images: number;
  readonly largest: number;
  /** Classes with a single group: it was divided, and their figures say nothing of new groups. */
  readonly inseparable: readonly string[];
}

/** What fine-tuning, calibration and the validation scores were judged on. */
export type ValidationSource = "cross-validation" | "folder" | "held-out";

export interface Trained {
  readonly artifact: Model;
  /** The network as it was given, cut where it was chosen to be. */
  readonly network: Network;
  readonly shape: CutShape;
  /** Which features were tried and taken; nothing where a fine-tuning settled on its own. */
  readonly choice: FeatureChoice | undefined;
  readonly head: HeadFit;
  readonly calibration: Calibration;
  readonly uncertainty: UncertaintyFacts;
  /** Images that the head was trained on. */
  readonly trained: number;
  readonly validation: Judged & { readonly source: ValidationSource };
  /** Nothing where there is no test part. */
  readonly test: Tested | undefined;
  readonly groups: GroupFacts;
  /** Images that could not be used, by their positions in the set. */
  readonly skipped: readonly { readonly place: number; readonly reason: string }[];
  /** What tells each image from others, by its position; nothing for those that could not be loaded. */
  readonly digests: readonly (string | undefined)[];
  /** Whether every parameter of the backbone that was not trained has the same bytes in the artifact as in the network. */
  readonly frozenUnchanged: boolean;
  /** Seconds; 0 for what was not done. Decoding is part of `extract`. */
  readonly timings: {
    readonly decode: number;
    readonly extract: number;
    /** The search for copies. */
    readonly copies: number;
    readonly head: number;
    readonly finetune: number;
    /** What the artifact knows of unknown images, and the sets that it answers with. */
    readonly uncertainty: number;
  };
  /** Images a second; 0 where nothing had to be done. */
  readonly rates: { readonly decode: number; readonly forward: number; readonly step: number };
  /** Images whose features were computed now, and that the store had. */
  readonly features: { readonly computed: number; readonly cached: number };
  /** How fine-tuning went, where it was asked for. */
  readonly finetune?: FinetuneFacts | undefined;
}
