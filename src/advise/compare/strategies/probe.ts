/** The strategy of transfer alone: a head on features of the frozen network. */
import { createRandom } from "../../../base/random.ts";
import { fitHead, headLogits } from "../../../train/head/fit.ts";
import type { Frozen } from "./frozen.ts";
import { type Answered, rightIn, shareOf, type Task } from "./strategy.ts";

export const probeStrategy =
  ({ table, labels, groups: all, secondsPerPicture }: Frozen, classes: number) =>
  async ({ learn, judged, seed, signal }: Task): Promise<Answered> => {
    const began = performance.now();
    const own = Int32Array.from(learn, (row) => labels[row]!);
    const groups = learn.map((row) => all[row]!);
    const { head } = await fitHead(table.select(learn), own, classes, createRandom(seed), { groups, signal });
    const right = (rows: readonly number[]): Uint8Array =>
      rightIn(
        headLogits(head, table.select(rows)),
        rows.map((row) => labels[row]!),
      );
    const correct = right(judged);
    return {
      correct,
      trainAccuracy: shareOf(right(learn)),
      seconds: learn.length * secondsPerPicture + (performance.now() - began) / 1000,
    };
  };
