/** Which runs follow once every strategy has had its chance on all images of the first split. Pure. */

/** Runs of all strategies on so many images of a split. */
export interface Wanted {
  readonly pictures: number;
  /** Which way the images are split. */
  readonly seed: number;
}

/** Of the first split these shares besides all; of the others all, which decides, and one more. */
const SHARES = [1 / 4, 1 / 2, 1 / 8] as const;
const REPEATED = [1, 1 / 4] as const;

/**
 * The runs, those that tell most first: a second point of the curves, then other splits, then further points.
 *
 * @param pictures that may be learned from
 * @param fewest images of a run, so that each class has some
 * @param splits ways to split the images
 */
export function scheduleFor({
  pictures,
  fewest,
  splits,
}: {
  readonly pictures: number;
  readonly fewest: number;
  readonly splits: number;
}): readonly Wanted[] {
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
