/** The contract of a check. The checks are in `checks/`. */
import type { Finding } from "./finding.ts";
import type { Subject } from "./subject.ts";

export interface Check {
  /** Its name for `--only` and in JSON, such as `label-errors`. */
  readonly name: string;
  /** What it looks for, in a few words. */
  readonly about: string;
  /** Returns the findings; empty if there is nothing to report. */
  find(subject: Subject): readonly Finding[];
}
