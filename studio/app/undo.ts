/** Undoes the last change and reports the outcome. */

import { plural } from "./format.ts";
import { attempt, say } from "./messages.ts";
import { server } from "./server.ts";

export const undo = (change: string): Promise<boolean> =>
  attempt(async () => {
    const { undone, restored, missing } = await server.undo(change);
    if (undone === null) return;
    if (missing === 0) return say.done(`Undid ${undone}.`);
    const gone = `${plural(missing, "file was", "files were")} removed outside the studio`;
    if (restored === 0) throw new Error(`Could not undo ${undone}: ${gone}.`);
    say.done(`Undid ${undone}, but ${gone}.`);
  });
