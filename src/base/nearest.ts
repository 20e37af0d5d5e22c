/** Finds the known names that are most similar to an unknown one, for "did you mean". */

/** The Levenshtein distance: how many letters to insert, delete or replace to turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

/** The `count` names most similar to `word`, best first, ignoring case. Compares only the first 64 characters. */
export function nearest(word: string, known: readonly string[], count = 3): string[] {
  const start = word.slice(0, 64).toLowerCase();
  return known
    .map((name) => ({ name, distance: editDistance(start, name.toLowerCase()) }))
    .toSorted((x, y) => x.distance - y.distance)
    .slice(0, count)
    .map(({ name }) => name);
}
