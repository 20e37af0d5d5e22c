/** Plans the runs that follow the trainings on all images of the first split. Pure. */

/** Runs of all strategies on a number of a split's images. */
export interface PlannedRun {
  readonly pictures: number;
  /** The split. */
  readonly seed: number;
}

/** The shares of the first split besides all images; of other splits all, which decides, and one more. */
const SHARES = [1 / 4, 1 / 2, 1 / 8] as const;
const REPEATED = [1, 1 / 4] as const;

/**
 * The runs, the most informative first: a second point of the curves, then other splits, then further points.
 *
 * @param pictures number of images available for learning
 * @param fewest minimum images of a run, so that each class has some
 * @param splits number of splits
 */
export function scheduleFor({
  pictures,
  fewest,
  splits,
}: {
  readonly pictures: number;
  readonly fewest: number;
  readonly splits: number;
}): readonly PlannedRun[] {
  const [early = 1, ...late] = SHARES;
  const runs = [
    { share: early, seed: 0 },
    ...Array.from({ length: splits - 1 }, (_, i) => REPEATED.map((share) => ({ share, seed: i + 1 }))).flat(),
    ...late.map((share) => ({ share, seed: 0 })),
  ].map(({ share, seed }) => ({ pictures: Math.round(share * pictures), seed }));
  const seen = new Set([`${pictures} 0`]);
  return runs.filter(({ pictures: size, seed }) => {
    const isNew = !seen.has(`${size} ${seed}`);
    seen.add(`${size} ${seed}`);
    return isNew && (size >= fewest || size === pictures);
  });
}
