/** Labels as one-hot vectors: for each class, 1 in the rows of the class and 0 elsewhere. */
export function membership(labels: ArrayLike<number>, classes: number): Float64Array[] {
  const members = Array.from({ length: classes }, () => new Float64Array(labels.length));
  for (let row = 0; row < labels.length; row++) members[labels[row]!]![row] = 1;
  return members;
}
