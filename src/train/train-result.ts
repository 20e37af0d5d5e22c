/** What a training comes to: types alone. */
import type { Example } from "../data/dataset/discover.ts";
import type { datasetDigest } from "../data/digest.ts";
import type { Calibration, MeasuredCalibration } from "../evaluate/calibration.ts";
import type { Evaluation } from "../evaluate/evaluation.ts";
import type { Model } from "../graph/model.ts";
import type { CutShape } from "../zoo/backbone.ts";
import type { Network } from "../zoo/network.ts";
import type { FeatureChoice } from "./choose-features.ts";
import type { Skipped } from "./features/extract.ts";
import type { FinetuneFacts } from "./finetune/finetune.ts";
import type { HeadFit } from "./head/fit.ts";
import type { TrustFacts } from "./trust.ts";

/** A picture with its label, its features' row gone into `logits`. */
export interface Judged {
  readonly examples: readonly Example[];
  /** `[N, C]` */
  readonly logits: Float32Array;
  /** `[N, C]`, after temperature scaling; of pictures that the temperature was fitted on, at that of the other folds */
  readonly probabilities: Float32Array;
  readonly evaluation: Evaluation;
}

/** Test images that are not new to the model, and the accuracy on the others. */
export interface Straddling {
  readonly images: number;
  /** Nothing where no other is left. */
  readonly without: Pick<Evaluation, "examples" | "correct" | "accuracy" | "interval"> | undefined;
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

export interface TrainResult {
  readonly artifact: Model;
  /** The network as it was given, cut where it was chosen to be. */
  readonly network: Network;
  readonly shape: CutShape;
  /** Which features were tried and taken; nothing where a fine-tuning settled on its own. */
  readonly choice: FeatureChoice | undefined;
  readonly head: HeadFit;
  readonly calibration: Calibration & { readonly test: MeasuredCalibration };
  /** When an answer is to be doubted, and how that fared on the test pictures. */
  readonly trust: TrustFacts;
  readonly counts: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly skipped: number;
  };
  readonly validation: Judged & { readonly source: ValidationSource };
  readonly test: Judged & {
    readonly source: "folder" | "held-out";
    /** Test images of which training or validation has a copy: in a test part of the dataset's own, or where a class is one group. */
    readonly straddling: Straddling | undefined;
  };
  readonly groups: GroupFacts;
  readonly skipped: readonly Skipped[];
  /** The dataset's fingerprint, see {@link datasetDigest}. */
  readonly datasetDigest: string;
  /** Whether every parameter of the backbone has the same bytes in the artifact as in the network. */
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
  /** Pictures whose features were computed now, and that the cache had. */
  readonly features: { readonly computed: number; readonly cached: number };
  /** How fine-tuning went, where it was asked for. */
  readonly finetune?: FinetuneFacts;
}
