/** The Pareto front: the points that no other point beats in every respect. */

/** The points that no other dominates, being at least as good in all `costs` (smaller is better) and better in one. */
export function paretoFront<T>(points: readonly T[], costs: readonly ((point: T) => number)[]): readonly T[] {
  const dominates = (a: T, b: T): boolean =>
    costs.every((cost) => cost(a) <= cost(b)) && costs.some((cost) => cost(a) < cost(b));
  return points.filter((point) => !points.some((other) => dominates(other, point)));
}
