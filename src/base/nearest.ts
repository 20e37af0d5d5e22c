/** Which known words are most like one that nobody knows: for errors that help. */

/** Changes of one letter that turn `a` into `b`: Levenshtein's distance. */
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

/** The `count` words most like `word`, best first; case does not matter. Only the first 64 letters are looked at. */
export function nearest(word: string, known: readonly string[], count = 3): string[] {
  const start = word.slice(0, 64).toLowerCase();
  return known
    .map((name) => ({ name, distance: editDistance(start, name.toLowerCase()) }))
    .toSorted((x, y) => x.distance - y.distance)
    .slice(0, count)
    .map(({ name }) => name);
}
