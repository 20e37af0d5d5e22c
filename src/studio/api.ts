/**
 * The API between the studio's page and server, and the data of a stand-alone page, as plain types. Types only: the page
 * imports this file, and must not import the server with it.
 *
 * An image's id is its path relative to the project's folder, with `/`: `tulip/IMG_01.jpg`.
 */
import type { EpochEvent, Progress } from "../base/progress.ts";
import type { AugmentationName } from "../data/image/augment/augmentation-plan.ts";
import type { ReadCalibration, ReadEvaluation } from "../run/schema.ts";

export type { ErrorBody } from "../http/responses.ts";

/** One class of the project. */
export interface ClassInfo {
  readonly name: string;
  /** Images, including those of its test folder. */
  readonly pictures: number;
  /** Images of its test and validation folders, if the project has any. */
  readonly apart: number;
  /** Ids of its first images. */
  readonly covers: readonly string[];
}

/** `GET /api/project`. */
export interface ProjectInfo {
  readonly name: string;
  /** On the disk of the machine that runs the studio. */
  readonly path: string;
  readonly classes: readonly ClassInfo[];
  /** The change that undo would revert. */
  readonly undo: ChangeInfo | null;
  /** Files and folders that training would not use. */
  readonly ignored: readonly { readonly path: string; readonly reason: string }[];
  /** Problems with the studio's own files, a sentence each. The studio leaves such files unchanged. */
  readonly notices: readonly string[];
  /** Why there is nothing to train on yet; null if there is. */
  readonly obstacle: string | null;
}

/** A change that can be undone. */
export interface ChangeInfo {
  readonly id: string;
  /** `removing 3 images` */
  readonly words: string;
}

/** The response to every change of classes or images. */
export interface Changed {
  /** The change's id, for undo; null if nothing changed, or if it cannot be undone. */
  readonly change: string | null;
}

/** `GET /api/classes/:name/pictures`. */
export interface PictureList {
  readonly pictures: readonly string[];
}

/** The result for a file that was sent. */
export type Received =
  | { readonly kind: "added"; readonly id: string }
  /** The class already has the same file under the same name. */
  | { readonly kind: "known"; readonly id: string };

/** The result of an import from an archive. */
export interface Imported extends Changed {
  readonly added: number;
  readonly known: number;
  /** Files that are not images, or cannot be read. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  /** Decisions about its folders, a sentence each. */
  readonly notes: readonly string[];
}

/** The body of `POST /api/arrangement`: files that will be sent, before any of them is. */
export interface ArrangementRequest {
  /** With `/`, relative to what was dropped or chosen. */
  readonly paths: readonly string[];
  /** Manifests among them (.csv, .tsv, .jsonl), in base64. */
  readonly lists: readonly { readonly path: string; readonly base64: string }[];
  /** The class of files that are in no folder. */
  readonly loose?: string | undefined;
  /** The answer to the question whether a single folder is a class or contains classes. */
  readonly folderIs?: "class" | "classes" | undefined;
}

/** Where the files belong. */
export type Arrangement =
  /** The only folder contains folders: is it one class, or are they the classes? */
  | { readonly kind: "question"; readonly folder: string; readonly classes: readonly string[] }
  | {
      readonly kind: "places";
      /** The class and part of each path, by its position; null for a file that is left out. */
      readonly places: readonly ({ readonly class: string; readonly part: "train" | "validation" | "test" } | null)[];
      readonly skipped: readonly { readonly path: string; readonly reason: string }[];
      readonly notes: readonly string[];
    };

/** `POST /api/undo`, with `{ change }`: undoes only that change, and only if it is the last one; without it, the last change. */
export interface UndoResult {
  /** What was undone, in words; null if there was nothing to undo. */
  readonly undone: string | null;
  /** Its files and folders that were restored. */
  readonly restored: number;
  /** Those that were removed outside of the studio since then. */
  readonly missing: number;
}

/** A network as the table shows it. */
export interface NetworkRow {
  readonly name: string;
  readonly description: string;
  readonly family: string;
  /** Published accuracy on ImageNet, in per cent. */
  readonly top1: number | null;
  readonly parameters: number;
  /** For one image. */
  readonly multiplyAdds: number;
  /** Side of the input, in pixels. */
  readonly inputSize: number;
  /** Bytes to download. */
  readonly download: number;
  readonly onDisk: boolean;
  /** On this machine; null until a training has measured it. */
  readonly imagesPerSecond: number | null;
  readonly licence: string;
  readonly source: string;
}

/** `GET /api/networks`. */
export interface NetworkTable {
  readonly networks: readonly NetworkRow[];
  /** The default network. */
  readonly standard: string;
}

/** A network that took part in a comparison. */
export interface RankedNetwork {
  readonly network: string;
  /** Accuracy of a linear probe, in [0, 1]. */
  readonly accuracy: number;
  /** 95% interval. */
  readonly interval: readonly [number, number];
  /** Whether the images cannot distinguish it from the most accurate network. */
  readonly isTied: boolean;
  /** For a linear probe on all images. */
  readonly trainSeconds: number;
  /** For one image. */
  readonly latencyMs: number;
}

/** `GET` and `POST /api/recommendation`. */
export type Recommendation =
  | { readonly kind: "none"; readonly reason: string }
  | { readonly kind: "running"; readonly words: string }
  | {
      readonly kind: "ranked";
      /** The recommended network; null if none is better than always predicting the most frequent class. */
      readonly best: string | null;
      readonly reason: string;
      /** The number of training images. */
      readonly pictures: number;
      /** The most accurate first. */
      readonly candidates: readonly RankedNetwork[];
    };

/** The settings of a training: options of `graft train`. */
export interface RunSettings {
  readonly network: string;
  /** `none` (head only), a number of last stages, or `all`. */
  readonly unfreeze: string;
  readonly seed: number;
  readonly classWeights: "none" | "balanced";
  /** Fine-tuning only. By default, they depend on the dataset's size. */
  readonly epochs?: number | undefined;
  readonly augment?: AugmentationName | undefined;
  readonly learningRate?: number | undefined;
}

/** The state of a run. */
export type RunState =
  | { readonly kind: "running"; readonly progress: Progress | null }
  /** Stopped by the user, or with the studio; it can be resumed. */
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "done"; readonly summary: RunSummary };

/** The metrics by which runs are compared. */
export interface RunSummary {
  readonly classes: readonly string[];
  readonly counts: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly skipped: number;
  };
  readonly accuracy: number;
  readonly interval: readonly [number, number];
  readonly balancedAccuracy: number;
  readonly baseline: { readonly class: string; readonly accuracy: number } | null;
  readonly calibrationError: number;
  readonly logLoss: number;
  readonly testedOn: "folder" | "held-out";
  readonly seconds: number;
  /** Bytes of `model.onnx`. */
  readonly modelBytes: number;
  /** Digest of the images and labels of the training and the test. */
  readonly datasetDigest: string;
}

/** One training. */
export interface RunInfo {
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly settings: RunSettings;
  readonly state: RunState;
  readonly epochs: readonly EpochEvent[];
  /** What the training reported so far. */
  readonly notes: readonly string[];
}

/** The model's prediction for a test image; classes by position. */
export interface TestPrediction {
  readonly id: string;
  readonly truth: number;
  readonly prediction: number;
  readonly probability: number;
  readonly truthProbability: number;
}

/** `GET /api/runs/:id/results`. */
export interface RunResults {
  readonly classes: readonly string[];
  readonly test: ReadEvaluation;
  readonly validation: ReadEvaluation;
  readonly validatedBy: "cross-validation" | "folder" | "held-out";
  readonly calibration: ReadCalibration;
  readonly answers: readonly TestPrediction[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** `POST /api/runs/:id/predict`. */
export interface ModelPrediction {
  /** Every class, the most probable first. */
  readonly answers: readonly { readonly label: string; readonly probability: number }[];
  /** Whether the image is less similar to the training images than almost all of them are to each other. */
  readonly unknown: boolean;
}

/** One message of `GET /api/events`. */
export type StudioEvent =
  /** Classes or images changed. */
  | { readonly kind: "project" }
  | { readonly kind: "run"; readonly run: RunInfo }
  | { readonly kind: "run-removed"; readonly id: string }
  | { readonly kind: "recommendation"; readonly recommendation: Recommendation }
  | { readonly kind: "import"; readonly progress: Progress };

/** `POST /api/session`: the value of the page's `Graft-Key` header; the other half of the session is a cookie. */
export interface Entry {
  readonly key: string;
}

/** `POST /api/links`: the URL of a download, for two minutes and for this browser. */
export interface SignedLink {
  readonly url: string;
}

// The data of a stand-alone page. Types only: the page imports this file.

/** The page's data, which it contains as JSON. */
export interface StandaloneFacts {
  readonly title: string;
  readonly classes: readonly string[];
  readonly network: string;
  readonly accuracy: number;
  readonly interval: readonly [number, number];
  readonly testPictures: number;
  readonly modelBytes: number;
  readonly graft: string;
}
