/** Ctrl-C: the first asks for an orderly end; pressed again, it ends the process at once. */
import { workError } from "../base/errors.ts";

/** A controller that is aborted on the first interruption, with `sentence` as the reason. */
export function interruptible(sentence: string): AbortController {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort(workError(sentence)));
  return controller;
}
