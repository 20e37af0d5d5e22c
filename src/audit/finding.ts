/** What an audit finds: plain data, ready for JSON, for a report, and for a quarantine. */
import type { Split } from "../data/dataset/discover.ts";

/** A picture that a finding points at. */
export interface Suspect {
  readonly path: string;
  /** Its class. */
  readonly label: string;
  readonly split: Split | undefined;
  /** What is odd about this one, in a few words: `looks like roses`. */
  readonly why: string;
  /** How sure the finding is of this picture, in [0, 1]; what the number is, each check says. */
  readonly confidence: number;
  /** What `--fix` does with it: `ask` is moved only where the doubtful ones are asked for (`--fix-doubtful`). */
  readonly fix: "quarantine" | "ask" | "keep";
}

/** How much a finding matters: a test that tells lies; training that is hurt; something to know. */
export type Severity = "serious" | "harmful" | "worth knowing";

/** One finding. */
export interface Finding {
  /** The check that found it. */
  readonly check: string;
  /** What is wrong, a sentence. */
  readonly title: string;
  /** What to do about it, a sentence. */
  readonly advice: string;
  readonly severity: Severity;
  /** In [0, 1]: of the surest picture, or of the finding itself where it points at none. */
  readonly confidence: number;
  /** How many of its pictures are named correctly and how many are not, where the check can tell. */
  readonly expected?: Expected;
  /** Pictures that belong together (copies of one another) in one group; the surest first. */
  readonly groups: readonly (readonly Suspect[])[];
}

/** What a finding expects of itself. */
export interface Expected {
  /** Pictures that have the fault, of those named. */
  readonly right: number;
  /** Pictures that do not, of those named. */
  readonly false: number;
}

/** Every picture that a finding points at. */
export const suspectsOf = ({ groups }: Finding): readonly Suspect[] => groups.flat();
