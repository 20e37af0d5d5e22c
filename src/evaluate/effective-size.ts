/** How many independent examples some that belong together are worth: of four copies of one image, three tell nothing new. */

/** Ones and zeros, 1 where an example was answered correctly. */
export type Right = ArrayLike<number>;

/**
 * Groups that must have errors (or right answers, where these are rarer) before what they say of each other outweighs the assumption
 * that members of a group fare alike. Without an error nothing is known of that.
 */
const PRIOR_GROUPS = 4;

/**
 * The number of examples that would give an accuracy as sure if none belonged together: n / (1 + (m − 1)·ρ), where m is the size of
 * the group that an example is in on average, and ρ how much alike members of a group fare, from 0 (not at all) to 1 (all the same).
 * Source: L. Kish, Survey Sampling (1965), section 5.4, with ρ drawn towards 1 where errors are few.
 *
 * @param groups the group of each example; `undefined`: none belong together
 */
export function effectiveSize(right: Right, groups: ArrayLike<number> | undefined): number {
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
