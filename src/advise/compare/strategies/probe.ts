/** The strategy of transfer alone: a head on features of the frozen network. */

import { createRandom } from "../../../base/random.ts";
import { secondsSince } from "../../../base/stopwatch.ts";
import { rightIn } from "../../../evaluate/softmax.ts";
import { fitHead, headLogits } from "../../../train/head/fit.ts";
import { accuracyOf } from "../run.ts";
import type { Frozen } from "./frozen.ts";
import type { StrategyResult, Task } from "./strategy.ts";

export const probeStrategy =
  ({ table, labels, groups: all, secondsPerImage }: Frozen, classes: number) =>
  async ({ learn, evaluated, seed, signal }: Task): Promise<StrategyResult> => {
    const began = performance.now();
    const own = Int32Array.from(learn, (row) => labels[row]!);
    const groups = learn.map((row) => all[row]!);
    const { head } = await fitHead(table.select(learn), own, classes, createRandom(seed), { groups, signal });
    const right = (rows: readonly number[]): Uint8Array =>
      rightIn(
        headLogits(head, table.select(rows)),
        rows.map((row) => labels[row]!),
        classes,
      );
    const correct = right(evaluated);
    return {
      correct,
      trainAccuracy: accuracyOf({ correct: right(learn) }),
      seconds: learn.length * secondsPerImage + secondsSince(began),
    };
  };
