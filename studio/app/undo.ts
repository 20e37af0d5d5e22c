/** Taking a change back, the last one only, and saying what came of it. */
import { attempt, say } from "./messages.ts";
import { server } from "./server.ts";
import { plural } from "./words.ts";

export const undo = (change: string): Promise<boolean> =>
  attempt(async () => {
    const { undone, restored, missing } = await server.undo(change);
    if (undone === null) return;
    if (missing === 0) return say.done(`Took back ${undone}.`);
    const gone = `${plural(missing, "of its files was", "of its files were")} removed outside the studio`;
    if (restored === 0) throw new Error(`Could not take back ${undone}: ${gone}.`);
    say.done(`Took back ${undone}; ${gone}.`);
  });
