/** Formats figures of repeated runs for tables. */

/** The middle value; the mean of the two middle ones where there are two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `median (min–max)`, three significant digits. */
export function spread(values: readonly number[], unit = ""): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${digits(median(values))}${unit} (${digits(low)}–${digits(high)})`;
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** `over[i] / under[i]` of runs made in turn: noise that both saw cancels. */
export const ratios = (over: readonly number[], under: readonly number[]): number[] =>
  over.map((value, run) => value / under[run]!);

/** Whether the median ratio reaches its bar, in words. */
export const verdict = (values: readonly number[], bar: number): string =>
  `bar ≥ ${bar}×: ${median(values) >= bar ? "met" : "missed"}`;
