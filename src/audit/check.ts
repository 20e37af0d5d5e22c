/** The contract of a check: its subject, which is gathered once, and its findings, which are plain data. The checks are in checks/. */

import type { Copies } from "../data/copies/find-copies.ts";
import type { Split } from "../data/dataset/discover.ts";
import type { Traits } from "../data/image/traits.ts";
import type { Skipped } from "../train/features/image-files.ts";
import type { LabelEvidence } from "./labels/label-evidence.ts";
import type { Neighbours } from "./labels/label-scorers.ts";

/** An image that a finding refers to. */
export interface Suspect {
  readonly path: string;
  /** Its class. */
  readonly label: string;
  readonly split: Split | undefined;
  /** Why it is suspected, in a few words: `looks like roses`. */
  readonly why: string;
  /** The confidence that this image has the fault, in [0, 1]; its definition is in each check. */
  readonly confidence: number;
  /** What `--fix` does with it: `ask` is moved only with `--fix-doubtful`. */
  readonly fix: "quarantine" | "ask" | "keep";
}

/** How much a finding matters: it invalidates the test, it harms training, or it is worth knowing. */
export type Severity = "serious" | "harmful" | "worth knowing";

/** One finding. */
export interface Finding {
  /** The check that found it. */
  readonly check: string;
  /** What is wrong, in one sentence. */
  readonly title: string;
  /** What to do about it, in one or two sentences. */
  readonly advice: string;
  readonly severity: Severity;
  /** In [0, 1]: the highest confidence of its images, or of the finding itself if it refers to none. */
  readonly confidence: number;
  /** How many of its images are expected to have the fault and how many not, if the check can estimate that. */
  readonly expected?: Expected | undefined;
  /** Groups of images that belong together (copies of one another), most confident first. */
  readonly groups: readonly (readonly Suspect[])[];
}

/** The expected true and false positives of a finding. */
export interface Expected {
  /** Listed images that have the fault. */
  readonly right: number;
  /** Listed images that do not. */
  readonly false: number;
}

/** All images that a finding refers to. */
export const suspectsOf = ({ groups }: Finding): readonly Suspect[] => groups.flat();

// The subject of an audit: every image of a dataset with everything that the checks read.

/** A readable image. */
export interface AuditedImage {
  readonly path: string;
  /** Relative to the dataset, with `/`. */
  readonly name: string;
  /** The image's folder below its class's folder, `""` for the class's folder itself; undefined if the labels come from a list. */
  readonly subfolder: string | undefined;
  /** Position in the classes. */
  readonly label: number;
  readonly split: Split | undefined;
  /** SHA-256 of the file, hexadecimal. */
  readonly sha256: string;
  readonly traits: Traits;
}

export interface Subject {
  readonly classes: readonly string[];
  readonly images: readonly AuditedImage[];
  readonly unreadable: readonly (Skipped & { readonly label: number; readonly split: Split | undefined })[];
  /** The evidence against each label. */
  readonly evidence: LabelEvidence;
  readonly neighbours: Neighbours;
  readonly copies: Copies;
  /** `[N]`: the position of the first image of its group of copies; no fold separates a group. */
  readonly groups: Int32Array;
}

/** Creates a finding's entry for the image at a position. */
export const suspect = (
  { classes, images }: Subject,
  at: number,
  { why, confidence, fix }: Pick<Suspect, "why" | "confidence" | "fix">,
): Suspect => {
  const { path, label, split } = images[at]!;
  return { path, label: classes[label]!, split, why, confidence, fix };
};

/** The name of a split in sentences. */
export const splitName = (split: Split | undefined): string => (split === "train" ? "training" : (split ?? "one part"));

/** Whether images of a split are learned from: all are if there are no splits. */
export const isTraining = (split: string | undefined): boolean => split === undefined || split === "train";

export interface Check {
  /** Its name for `--only` and in JSON, such as `label-errors`. */
  readonly name: string;
  /** What it looks for, in a few words. */
  readonly about: string;
  /** Returns the findings; empty if there is nothing to report. */
  find(subject: Subject): readonly Finding[];
}
