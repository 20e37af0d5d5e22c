/** The Pareto front: what is left when everything goes that something else beats in every respect. */

/** Which of the points no other dominates: at least as good in all `costs` (smaller is better) and better in one. */
export function paretoFront<T>(points: readonly T[], costs: readonly ((point: T) => number)[]): readonly T[] {
  const dominates = (a: T, b: T): boolean =>
    costs.every((cost) => cost(a) <= cost(b)) && costs.some((cost) => cost(a) < cost(b));
  return points.filter((point) => !points.some((other) => dominates(other, point)));
}
