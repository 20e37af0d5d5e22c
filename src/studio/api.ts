/**
 * What the studio's page and server say to each other, as plain data. Types only: the page imports this file, and the server
 * must not be pulled into it.
 *
 * An image's id is its path below the project's folder, with `/`: `tulip/IMG_01.jpg`.
 */
import type { EpochEvent, Progress } from "../base/progress.ts";
import type { AugmentationName } from "../data/image/augment/augmentation-plan.ts";
import type { ReadCalibration, ReadEvaluation } from "../run/schema.ts";

export type { ErrorBody } from "../http/responses.ts";

/** One class of the project. */
export interface ClassInfo {
  readonly name: string;
  /** Images, those of its test folder included. */
  readonly pictures: number;
  /** Images of its test and validation folders, where the project has such. */
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
  /** What undo would take back. */
  readonly undo: ChangeInfo | null;
  /** Files and folders that training would not use. */
  readonly ignored: readonly { readonly path: string; readonly reason: string }[];
  /** What was found wrong with the studio's own files, a sentence each. It was left alone. */
  readonly notices: readonly string[];
  /** Why there is nothing to train on yet; null where there is. */
  readonly obstacle: string | null;
}

/** A change that can be undone. */
export interface ChangeInfo {
  readonly id: string;
  /** `removing 3 images` */
  readonly words: string;
}

/** The answer to whatever changes classes or images. */
export interface Changed {
  /** The change's id, for undo; null where nothing changed, or where it cannot be undone. */
  readonly change: string | null;
}

/** `GET /api/classes/:name/pictures`. */
export interface PictureList {
  readonly pictures: readonly string[];
}

/** What became of a file that was offered. */
export type Received =
  | { readonly kind: "added"; readonly id: string }
  /** The class has the very same file under the same name. */
  | { readonly kind: "known"; readonly id: string };

/** What came of an archive. */
export interface Imported extends Changed {
  readonly added: number;
  readonly known: number;
  /** Files that are not images, or not readable ones. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  /** Choices that were made in reading its folders, a sentence each. */
  readonly notes: readonly string[];
}

/** The body of `POST /api/arrangement`: files that are about to be sent, before any of them is. */
export interface ArrangementRequest {
  /** With `/`, below what was dropped or chosen. */
  readonly paths: readonly string[];
  /** Lists among them (.csv, .tsv, .jsonl), in base64. */
  readonly lists: readonly { readonly path: string; readonly base64: string }[];
  /** The class of files that are in no folder. */
  readonly loose?: string | undefined;
  /** The answer to the question whether a single folder is a class, or holds classes. */
  readonly folderIs?: "class" | "classes" | undefined;
}

/** Where the files belong. */
export type Arrangement =
  /** The only folder holds folders: is it one class, or are they the classes? */
  | { readonly kind: "question"; readonly folder: string; readonly classes: readonly string[] }
  | {
      readonly kind: "places";
      /** The class and part of each path, by its position; null for one that is not taken. */
      readonly places: readonly ({ readonly class: string; readonly part: "train" | "validation" | "test" } | null)[];
      readonly skipped: readonly { readonly path: string; readonly reason: string }[];
      readonly notes: readonly string[];
    };

/** `POST /api/undo`, with `{ change }`: only that one is undone, and only if it is the last; without, the last one is. */
export interface UndoResult {
  /** What was taken back, in words; null where there was nothing to take back. */
  readonly undone: string | null;
  /** Files and folders of it that are there again. */
  readonly restored: number;
  /** Those that were removed outside the studio since. */
  readonly missing: number;
}

/** A network as the table shows it. */
export interface NetworkRow {
  readonly name: string;
  readonly description: string;
  readonly family: string;
  /** Published accuracy on ImageNet in per cent. */
  readonly top1: number | null;
  readonly parameters: number;
  /** For one image. */
  readonly multiplyAdds: number;
  /** Side of the input, in pixels. */
  readonly inputSize: number;
  /** Bytes to fetch. */
  readonly download: number;
  readonly onDisk: boolean;
  /** On this machine; null until a training has told. */
  readonly imagesPerSecond: number | null;
  readonly licence: string;
  readonly source: string;
}

/** `GET /api/networks`. */
export interface NetworkTable {
  readonly networks: readonly NetworkRow[];
  /** The network that is chosen where the user says nothing. */
  readonly standard: string;
}

/** A network that took part in a comparison. */
export interface RankedNetwork {
  readonly network: string;
  /** Of a linear probe, in [0, 1]. */
  readonly accuracy: number;
  /** 95%. */
  readonly interval: readonly [number, number];
  /** Whether the images cannot tell it from the most accurate one. */
  readonly isTied: boolean;
  /** Of a linear probe on all images. */
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
      /** The network to take; undefined if none beats always naming the most frequent class. */
      readonly best: string | null;
      readonly reason: string;
      /** Training images that there were. */
      readonly pictures: number;
      /** The most accurate first. */
      readonly candidates: readonly RankedNetwork[];
    };

/** What a training is asked to do: the options of `graft train`. */
export interface RunSettings {
  readonly network: string;
  /** `none`: the head alone; a number of last stages; `all`. */
  readonly unfreeze: string;
  readonly seed: number;
  readonly classWeights: "none" | "balanced";
  /** Fine-tuning only. Without them the dataset's size decides. */
  readonly epochs?: number | undefined;
  readonly augment?: AugmentationName | undefined;
  readonly learningRate?: number | undefined;
}

/** How a run stands. */
export type RunState =
  | { readonly kind: "running"; readonly progress: Progress | null }
  /** Ended on request, or with the studio; it can go on. */
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "done"; readonly summary: RunSummary };

/** The figures by which runs are compared. */
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
  /** Of the images and labels that were trained and tested on. */
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
  /** What the training told of on the way. */
  readonly notes: readonly string[];
}

/** What the model answered to a test image; classes by position. */
export interface PictureAnswer {
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
  readonly answers: readonly PictureAnswer[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** `POST /api/runs/:id/predict`. */
export interface Prediction {
  /** Every class, the most probable first. */
  readonly answers: readonly { readonly label: string; readonly probability: number }[];
  /** Whether the image is further from those that the model was trained on than all but a few of them are from each other. */
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

/** `POST /api/session`: what the page sends as the header `Graft-Key`; the other half is a cookie. */
export interface Entry {
  readonly key: string;
}

/** `POST /api/links`: the address of a download, for two minutes and for this browser. */
export interface SignedLink {
  readonly url: string;
}

// What a stand-alone page knows of its model. Types only: the page imports this file.

/** What the page is told, as JSON in it. */
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
