/** What is audited: every picture of a dataset with all that the checks read. Gathered once, so that a check computes only its own. */

import type { Copies } from "../data/copies/find.ts";
import type { Split } from "../data/dataset/discover.ts";
import type { Traits } from "../data/traits/traits.ts";
import type { Skipped } from "../train/features/extract.ts";
import type { Suspect } from "./finding.ts";
import type { LabelEvidence } from "./labels/evidence.ts";
import type { Neighbours } from "./neighbours.ts";

/** A picture that could be read. */
export interface Picture {
  readonly path: string;
  /** Relative to the dataset, with `/`. */
  readonly name: string;
  /** The folder that the picture lies in below its class's folder, `""` where it lies in that itself; nothing where a list names the classes. */
  readonly subfolder: string | undefined;
  /** Position in the classes. */
  readonly label: number;
  readonly split: Split | undefined;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
  readonly traits: Traits;
}

export interface Subject {
  readonly classes: readonly string[];
  readonly pictures: readonly Picture[];
  readonly unreadable: readonly (Skipped & { readonly label: number; readonly split: Split | undefined })[];
  /** What speaks against each label. */
  readonly evidence: LabelEvidence;
  readonly neighbours: Neighbours;
  readonly copies: Copies;
  /** `[N]`: the position of the first picture of its group of copies; no fold separates a group. */
  readonly groups: Int32Array;
}

/** A picture as a finding names it. */
export const suspect = (
  { classes, pictures }: Subject,
  at: number,
  { why, confidence, fix }: Pick<Suspect, "why" | "confidence" | "fix">,
): Suspect => {
  const { path, label, split } = pictures[at]!;
  return { path, label: classes[label]!, split, why, confidence, fix };
};

/** The words for a picture's split. */
export const splitName = (split: Split | undefined): string => (split === "train" ? "training" : (split ?? "one part"));
