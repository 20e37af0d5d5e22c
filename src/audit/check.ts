/** What a check is. The checks are in `checks/`, their list in `checks/registry.ts`. */
import type { Finding } from "./finding.ts";
import type { Subject } from "./subject.ts";

export interface Check {
  /** For `--only` and the JSON: `label-errors`. */
  readonly name: string;
  /** What it looks for, a few words. */
  readonly about: string;
  /** Finds what it looks for; nothing where all is well. */
  find(subject: Subject): readonly Finding[];
}
