/**
 * The input of a training's report, as plain data. The report computes nothing that is not in here and reads neither files nor
 * the clock.
 */
import { basename, resolve } from "node:path";
import type { Calibration, MeasuredCalibration } from "../metrics/calibrate.ts";
import type { Conformal, CoverageGuarantee, FalseAlarmGuarantee, SetScores } from "../metrics/conformal.ts";
import type { Evaluation } from "../metrics/evaluation.ts";
import type { OodRule } from "../model/artifact-graph.ts";
import type { Views } from "../networks/backbone/backbone.ts";
import type { FeatureChoice } from "../train/features/choose-features.ts";
import type { FinetuneFacts } from "../train/finetune/finetune-or-probe.ts";
import type { GroupFacts, Straddling } from "../train/train-dataset.ts";

/** The dataset as it was used. */
export interface ReportDataset {
  readonly path: string;
  readonly classes: readonly string[];
  /** Numbers of images; `validation` is 0 if cross-validation replaced it. */
  readonly counts: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly skipped: number;
  };
  /** Whether the test images are from a separate folder or were held out by Graft. */
  readonly testSource: "folder" | "held-out";
  /** Groups of examples, and test images with copies among the others; missing in runs of earlier versions. */
  readonly groups?: GroupFacts | undefined;
  readonly straddling?: Straddling | undefined;
}

/** The pretrained network and its cut. */
export interface ReportNetwork {
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  readonly source: string;
  /** SHA-256 of the weights, hexadecimal. */
  readonly sha256: string;
  /** The tensor where the backbone ends. */
  readonly cut: string;
  /** Whether features are averaged over each image and its mirror image; missing in runs of earlier versions. */
  readonly views?: Views | undefined;
  /** Features per image at the cut. */
  readonly features: number;
  /** Parameters of the whole network. */
  readonly parameters: number;
  /** Side of the network's square input, in pixels. */
  readonly inputSize: number;
}

/** The head that was trained. */
export interface ReportHead {
  readonly kind: "logistic-regression";
  /** The L2 penalty that cross-validation chose. */
  readonly l2: number;
  readonly folds: number;
  /** In [0, 1]. */
  readonly crossValidatedAccuracy: number;
}

/** A wrong prediction with its image. */
export interface ReportMistake {
  /** A small JPEG, base64 without the `data:` prefix. */
  readonly thumbnail: string;
  readonly path: string;
  readonly truth: string;
  readonly prediction: string;
  /** Of the wrong prediction, in [0, 1]. */
  readonly probability: number;
}

/** A finding of the audit, with some of its images. */
export interface ReportFinding {
  readonly title: string;
  readonly advice: string;
  readonly severity: string;
  /** In [0, 1], like those of the images. */
  readonly confidence: number;
  readonly pictures: readonly {
    /** A small JPEG, base64; empty if the file cannot be read. */
    readonly thumbnail: string;
    readonly path: string;
    readonly label: string;
    readonly why: string;
    readonly confidence: number;
  }[];
  /** The number of images in total. */
  readonly total: number;
}

/** Why the model made its prediction for one test image. */
export interface ReportExplanation {
  /** The image under its heat map: a JPEG, base64. */
  readonly overlay: string;
  readonly path: string;
  readonly truth: string;
  readonly prediction: string;
  readonly probability: number;
}

/** How certain predictions are. */
export interface ReportUncertainty {
  readonly novelty: OodRule;
  readonly alarms: FalseAlarmGuarantee;
  readonly conformal: Conformal;
  readonly promise: CoverageGuarantee;
  /** Test images that were called unknown, and the number of all test images. */
  readonly falseAlarms: { readonly asked: number; readonly count: number };
  readonly sets: SetScores;
}

/** A file that was not used. */
export interface ReportSkipped {
  readonly path: string;
  readonly reason: string;
}

/** The report of one training. */
export interface ReportInput {
  readonly title: string;
  /** ISO 8601; shown in UTC. */
  readonly createdAt: string;
  readonly dataset: ReportDataset;
  readonly network: ReportNetwork;
  readonly head: ReportHead;
  /** Which features cross-validation compared; undefined for a fine-tuning that did not choose any. */
  readonly choice?: FeatureChoice | undefined;
  /** If stages of the network were trained too: which weights were kept, and why. */
  readonly finetune?: Pick<FinetuneFacts, "stages" | "epochs" | "kept" | "why"> | undefined;
  readonly seed: number;
  /** Seconds; 0 for steps that did not run. */
  readonly timings: {
    readonly decode: number;
    readonly extract: number;
    readonly copies?: number | undefined;
    readonly head: number;
    readonly finetune: number;
    readonly uncertainty?: number | undefined;
    readonly audit?: number | undefined;
    readonly explanations?: number | undefined;
    readonly total: number;
  };
  /** Images per second; 0 for steps that did not run. */
  readonly rates: { readonly decode: number; readonly forward: number; readonly step: number };
  /** On images that the training never saw. Without them, the report uses `validation` and says so. */
  readonly test?: Evaluation | undefined;
  readonly validation: Evaluation & { readonly source: "cross-validation" | "folder" | "held-out" };
  /** Fitted on the images of `validation`; measured on them by cross-fitting, and on the test images if there are any. */
  readonly calibration: Pick<Calibration, "temperature" | "eceBefore" | "eceAfter" | "binsBefore" | "binsAfter"> &
    Partial<Pick<Calibration, "bound" | "examples" | "errors">> & { readonly test?: MeasuredCalibration };
  /** The most confident first. */
  readonly mistakes: readonly ReportMistake[];
  /** Undefined if the data was not audited. */
  readonly findings?: readonly ReportFinding[] | undefined;
  /** What the audit says about the labels as a whole, in sentences. */
  readonly labels?: string | undefined;
  readonly explanations?: readonly ReportExplanation[] | undefined;
  readonly trust?: ReportUncertainty | undefined;
  readonly skipped: readonly ReportSkipped[];
  /** The artifact's file name. */
  readonly modelFile: string;
  /** SHA-256 of the artifact, hexadecimal: it identifies the model of the report and the card. */
  readonly modelSha256?: string | undefined;
  /** Software and its version, e.g. `{ graft: "0.1.0", "onnxruntime-node": "1.30.0" }`. */
  readonly versions: Readonly<Record<string, string>>;
}

/** What the training cost. */
export interface Consumption {
  /** Seconds of processor time, all cores together. */
  readonly cpuSeconds: number;
  /** Joules by the processor's own meter, if it is readable. */
  readonly joules: number | undefined;
}

/** The name of a dataset for other people: its path on this disk is private. */
export const datasetName = (path: string): string => basename(resolve(path));
