/** The subject of an audit: every image of a dataset with everything that the checks read. Gathered once, so that checks stay small. */

import type { Copies } from "../data/copies/find.ts";
import type { Split } from "../data/dataset/discover.ts";
import type { Traits } from "../data/traits/traits.ts";
import type { Skipped } from "../train/features/extract.ts";
import type { Suspect } from "./finding.ts";
import type { LabelEvidence } from "./labels/evidence.ts";
import type { Neighbours } from "./neighbours.ts";

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
