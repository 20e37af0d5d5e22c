/** The findings of an audit: plain data, ready for JSON, for a report, and for a quarantine. */
import type { Split } from "../data/dataset/discover.ts";

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
