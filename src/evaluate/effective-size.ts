/** The effective sample size of grouped examples: four copies of one image are worth about one. */

/** `[N]`: 1 where a prediction is correct, else 0. */
export type CorrectFlags = ArrayLike<number>;

/**
 * How many groups with errors (or with correct predictions, if these are rarer) the data must show before the measured correlation
 * within groups outweighs the prior assumption that all members of a group are right or wrong together.
 */
const PRIOR_GROUPS = 4;

/**
 * The number of independent examples that would determine an accuracy as precisely: n / (1 + (m − 1)·ρ), with m the mean size of the
 * group that an example is in, and ρ the intra-group correlation of correctness, from 0 to 1.
 * Source: L. Kish, Survey Sampling (1965), section 5.4, with ρ shrunk towards 1 when errors are few.
 *
 * @param groups `[N]`: the group of each example; `undefined`: all examples are independent
 */
export function effectiveSize(right: CorrectFlags, groups: ArrayLike<number> | undefined): number {
  const count = right.length;
  if (!groups || count === 0) return count;
  const members = new Map<number, { size: number; right: number }>();
  let correct = 0;
  for (let i = 0; i < count; i++) {
    const own = members.get(groups[i]!) ?? { size: 0, right: 0 };
    members.set(groups[i]!, { size: own.size + 1, right: own.right + right[i]! });
    correct += right[i]!;
  }
  if (members.size === count) return count;
  const share = correct / count;
  const variance = share * (1 - share);
  let squares = 0;
  let pairs = 0;
  let together = 0;
  let withRight = 0;
  let withWrong = 0;
  for (const { size, right: own } of members.values()) {
    squares += size * size;
    pairs += size * (size - 1);
    // Products of two different members' deviations from the share, summed.
    together += (own - size * share) ** 2 - own * (1 - share) ** 2 - (size - own) * share ** 2;
    if (own > 0) withRight++;
    if (own < size) withWrong++;
  }
  const known = variance > 0 ? Math.min(withRight, withWrong) : 0;
  const alike = variance > 0 ? together / (pairs * variance) : 1;
  const assumed = (known * alike + PRIOR_GROUPS) / (known + PRIOR_GROUPS);
  return count / (1 + (squares / count - 1) * Math.min(1, Math.max(0, assumed)));
}
