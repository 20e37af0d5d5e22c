/**
 * Everything the report of a training says, as plain data. Whoever trained fills it in; the report computes nothing
 * that is not in here and reads neither files nor clock.
 */
import { basename, resolve } from "node:path";
import type { Calibration, MeasuredCalibration } from "../metrics/calibrate.ts";
import type { Conformal, CoverageGuarantee, FalseAlarmGuarantee, SetScores } from "../metrics/conformal.ts";
import type { Evaluation } from "../metrics/evaluation.ts";
import type { OodRule } from "../model/artifact-graph.ts";
import type { Views } from "../networks/backbone/backbone.ts";
import type { FeatureChoice } from "../train/features/choose-features.ts";
import type { FinetuneFacts } from "../train/finetune/finetune.ts";
import type { GroupFacts, Straddling } from "../train/train-dataset.ts";

/** The dataset as it was used. */
export interface ReportDataset {
  readonly path: string;
  readonly classes: readonly string[];
  /** Images; `validation` is 0 where cross-validation took its place. */
  readonly counts: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly skipped: number;
  };
  /** Whether the test images came in a folder of their own or were held out by Graft. */
  readonly testSource: "folder" | "held-out";
  /** Examples that belong together, and test images with copies among the others; runs of earlier versions lack them. */
  readonly groups?: GroupFacts | undefined;
  readonly straddling?: Straddling | undefined;
}

/** The pretrained network and where it was cut. */
export interface ReportNetwork {
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  readonly source: string;
  /** Of the weights, hexadecimal. */
  readonly sha256: string;
  /** The tensor where the backbone ends. */
  readonly cut: string;
  /** Whether features are averaged over each image and its mirror image; runs of earlier versions do not say. */
  readonly views?: Views | undefined;
  /** Numbers an image becomes at the cut. */
  readonly features: number;
  /** Weights of the whole network. */
  readonly parameters: number;
  /** Side of the square the network sees, in pixels. */
  readonly inputSize: number;
}

/** The head that was trained. */
export interface ReportHead {
  readonly kind: "logistic-regression";
  /** The penalty that cross-validation chose. */
  readonly l2: number;
  readonly folds: number;
  /** In [0, 1]. */
  readonly crossValidatedAccuracy: number;
}

/** A wrong answer with its picture. */
export interface ReportMistake {
  /** A small JPEG, base64 without the `data:` prefix. */
  readonly thumbnail: string;
  readonly path: string;
  readonly truth: string;
  readonly prediction: string;
  /** Of the wrong answer, in [0, 1]. */
  readonly probability: number;
}

/** What the audit found, with some of its pictures. */
export interface ReportFinding {
  readonly title: string;
  readonly advice: string;
  readonly severity: string;
  /** In [0, 1], as those of the pictures. */
  readonly confidence: number;
  readonly pictures: readonly {
    /** A small JPEG, base64; empty where the file cannot be read. */
    readonly thumbnail: string;
    readonly path: string;
    readonly label: string;
    readonly why: string;
    readonly confidence: number;
  }[];
  /** How many pictures there are in all. */
  readonly total: number;
}

/** Why the model answered as it did to one test picture. */
export interface ReportExplanation {
  /** The picture under its heat map: a JPEG, base64. */
  readonly overlay: string;
  readonly path: string;
  readonly truth: string;
  readonly prediction: string;
  readonly probability: number;
}

/** When to doubt an answer. */
export interface ReportUncertainty {
  readonly novelty: OodRule;
  readonly alarms: FalseAlarmGuarantee;
  readonly conformal: Conformal;
  readonly promise: CoverageGuarantee;
  /** Test images that were called unknown, of how many. */
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
  /** Which features cross-validation compared; nothing where a fine-tuning settled on its own. */
  readonly choice?: FeatureChoice | undefined;
  /** Where stages of the network were trained too: what was kept, and why. */
  readonly finetune?: Pick<FinetuneFacts, "stages" | "epochs" | "kept" | "why"> | undefined;
  readonly seed: number;
  /** Seconds; 0 for what was not done. */
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
  /** Images a second; 0 for what was not done. */
  readonly rates: { readonly decode: number; readonly forward: number; readonly step: number };
  /** Images that the training never saw. Without them the report falls back on `validation` and says so. */
  readonly test?: Evaluation | undefined;
  readonly validation: Evaluation & { readonly source: "cross-validation" | "folder" | "held-out" };
  /** Fitted on the images of `validation`; measured on them by cross-fitting, and on the test images where there are such. */
  readonly calibration: Pick<Calibration, "temperature" | "eceBefore" | "eceAfter" | "binsBefore" | "binsAfter"> &
    Partial<Pick<Calibration, "bound" | "examples" | "errors">> & { readonly test?: MeasuredCalibration };
  /** The most confident first. */
  readonly mistakes: readonly ReportMistake[];
  /** Without it the data was not audited. */
  readonly findings?: readonly ReportFinding[] | undefined;
  /** What the audit says of the labels as a whole, in sentences. */
  readonly labels?: string | undefined;
  readonly explanations?: readonly ReportExplanation[] | undefined;
  readonly trust?: ReportUncertainty | undefined;
  readonly skipped: readonly ReportSkipped[];
  /** The artifact's file name. */
  readonly modelFile: string;
  /** Of the artifact, hexadecimal: the report and the card name the model that they are of. */
  readonly modelSha256?: string | undefined;
  /** Software and its version, e.g. `{ graft: "0.1.0", "onnxruntime-node": "1.30.0" }`. */
  readonly versions: Readonly<Record<string, string>>;
}

/** What the training took. */
export interface Consumption {
  /** Seconds of processor time, all cores together. */
  readonly cpuSeconds: number;
  /** Joules by the processor's own meter, where one could be read. */
  readonly joules: number | undefined;
}

/** What a dataset is called where others read it: where it lay on this disk is nobody else's business. */
export const datasetName = (path: string): string => basename(resolve(path));
