/** What a section of the report is, and the one choice that several sections share: which evaluation to speak of. */
import type { Evaluation } from "../evaluate/evaluation.ts";
import type { ReportInput } from "../run/report-input.ts";
import type { Part } from "./shell.ts";

/** Turns the input into a part of the page, or null where there is nothing to say. */
export type Section = (input: ReportInput) => Part | null;

/** The evaluation that the report leads with, and words for the images behind it. */
export interface Judged {
  readonly evaluation: Evaluation;
  /** `test`, `cross-validation`, `validation`: goes before "accuracy". */
  readonly name: string;
  /** `320 test images`. */
  readonly images: string;
  readonly isTest: boolean;
}

/** The test set's evaluation; without a test set, the validation's. */
export function judged({ test, validation }: ReportInput): Judged {
  const evaluation = test ?? validation;
  const [name, kind] = test
    ? ["test", "test"]
    : validation.source !== "cross-validation"
      ? ["validation", "validation"]
      : ["cross-validation", "training"];
  const images = `${evaluation.examples.toLocaleString("en-US")} ${kind} ${evaluation.examples === 1 ? "image" : "images"}`;
  return { evaluation, name, images, isTest: test !== undefined };
}
