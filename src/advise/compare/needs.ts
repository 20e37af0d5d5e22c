/** How far the trainings of a comparison came, and what an undecided one needs: plain data from its ladders. Pure. */
import type { Progress } from "./chances.ts";
import type { Needs, StrategyTraining } from "./comparison.ts";
import { accuracyOf, type Strategy } from "./run.ts";

type Progresses = Readonly<Partial<Record<Strategy, Progress>>>;

/** The trainings of each strategy that trains. */
export const trainingOf = (progress: Progresses): StrategyTraining[] =>
  (["fine-tune", "scratch"] as const).map((road) => {
    const { flattened = false, couldReach = 1, rungs = [] } = progress[road] ?? {};
    return {
      ...{ road, flattened, couldReach },
      trainings: rungs.map((rung) => ({
        ...{
          epochs: rung.epochs,
          seconds: rung.seconds,
          accuracy: accuracyOf(rung),
          trainAccuracy: rung.trainAccuracy,
        },
        ...{ validationLogLoss: rung.validation.logLoss, isCut: rung.isCut },
      })),
    };
  });

/** A comparison that is run again begins from its start, and no two runs take as long to the second. */
const MARGIN = 1.1;

/**
 * What could decide.
 *
 * @param open strategies that could still win
 * @param spent what the comparison took, and the epochs that bounded it
 */
export function needsOf(
  open: readonly Strategy[],
  progress: Progresses,
  spent: { readonly seconds: number; readonly epochs: number | undefined },
): Needs | undefined {
  if (open.length === 0) return undefined;
  const nexts = open.flatMap((road) => progress[road]?.next ?? []);
  const moreSeconds = nexts.reduce((sum, { seconds }) => sum + seconds, 0);
  const epochs = Math.max(0, ...open.flatMap((road) => progress[road]?.rungs.map((rung) => rung.epochs) ?? []));
  const minutes = Math.ceil((MARGIN * (spent.seconds + moreSeconds)) / 60);
  return {
    ...{ roads: open, epochs, moreSeconds },
    budgetSeconds: spent.epochs === undefined ? 60 * minutes : undefined,
    moreEpochs:
      spent.epochs === undefined ? undefined : Math.max(2 * spent.epochs, ...nexts.map((next) => next.epochs)),
  };
}
