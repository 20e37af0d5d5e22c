/** Summarises the trainings of a comparison, and what an undecided one needs. Pure. */
import type { StrategyProgress } from "./chances.ts";
import type { Needs, StrategyTraining } from "./comparison.ts";
import { accuracyOf, type Strategy } from "./run.ts";

type Progresses = Readonly<Partial<Record<Strategy, StrategyProgress>>>;

/** The trainings of fine-tuning and of the network from scratch. */
export const trainingOf = (progress: Progresses): StrategyTraining[] =>
  (["fine-tune", "scratch"] as const).map((strategy) => {
    const { flattened = false, couldReach = 1, rungs = [] } = progress[strategy] ?? {};
    return {
      ...{ road: strategy, flattened, couldReach },
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

/** Safety factor: a repeated comparison starts from scratch, and timings vary. */
const MARGIN = 1.1;

/**
 * Estimates what would decide the comparison; undefined if no strategy could still win.
 *
 * @param open strategies that could still win
 * @param spent the seconds of this comparison, and the epochs that bounded it
 */
export function needsOf(
  open: readonly Strategy[],
  progress: Progresses,
  spent: { readonly seconds: number; readonly epochs: number | undefined },
): Needs | undefined {
  if (open.length === 0) return undefined;
  const nexts = open.flatMap((strategy) => progress[strategy]?.next ?? []);
  const moreSeconds = nexts.reduce((sum, { seconds }) => sum + seconds, 0);
  const epochs = Math.max(0, ...open.flatMap((strategy) => progress[strategy]?.rungs.map((rung) => rung.epochs) ?? []));
  const minutes = Math.ceil((MARGIN * (spent.seconds + moreSeconds)) / 60);
  return {
    ...{ roads: open, epochs, moreSeconds },
    budgetSeconds: spent.epochs === undefined ? 60 * minutes : undefined,
    moreEpochs:
      spent.epochs === undefined ? undefined : Math.max(2 * spent.epochs, ...nexts.map((next) => next.epochs)),
  };
}
