/** All checks, in the order in which their findings are reported: what invalidates the test first. */
import type { Check } from "../check.ts";
import { confusable } from "./confusable.ts";
import { conflictingCopies, copies, leaks } from "./duplicates.ts";
import { imbalance } from "./imbalance.ts";
import { labelErrors } from "./label-errors.ts";
import { offTopic } from "./off-topic.ts";
import { quality } from "./quality.ts";
import { shortcuts } from "./shortcuts.ts";
import { unreadable } from "./unreadable.ts";

export const checks: readonly Check[] = [
  leaks,
  shortcuts,
  conflictingCopies,
  labelErrors,
  offTopic,
  confusable,
  imbalance,
  copies,
  ...quality,
  unreadable,
];
