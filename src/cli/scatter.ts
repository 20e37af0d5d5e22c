/** Draws a scatter plot in text. */

export interface Dot {
  readonly x: number;
  readonly y: number;
  /** One character. */
  readonly mark: string;
}

export interface ScatterOptions {
  readonly dots: readonly Dot[];
  /** The columns and rows of the plot itself. Default 60 × 12. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
}

/** Draws the plot; the horizontal axis is logarithmic, because costs span orders of magnitude. All `x` are above 0. */
export function scatter(options: ScatterOptions): string {
  const { dots, width = 60, height = 12, xLabel, yLabel, formatX, formatY } = options;
  const [left, right] = extent(dots.map(({ x }) => Math.log(x)));
  const [bottom, top] = extent(dots.map(({ y }) => y));
  const cells = Array.from({ length: height }, () => new Array<string>(width).fill(" "));
  for (const { x, y, mark } of dots) {
    const column = Math.round(((Math.log(x) - left) / (right - left)) * (width - 1));
    const row = Math.round(((top - y) / (top - bottom)) * (height - 1));
    cells[row]![freeNear(cells[row]!, column)] = mark;
  }
  const names = [formatY(top), formatY(bottom)];
  const margin = Math.max(...names.map((name) => name.length));
  const label = (row: number): string => (row === 0 ? names[0]! : row === height - 1 ? names[1]! : "");
  const ends = [formatX(Math.exp(left)), formatX(Math.exp(right))];
  const gap = Math.max(1, width - ends[0]!.length - ends[1]!.length);
  return [
    `${" ".repeat(margin)}  ${yLabel}`,
    ...cells.map((row, i) => `${label(i).padStart(margin)} │${row.join("")}`.trimEnd()),
    `${" ".repeat(margin)} └${"─".repeat(width)}`,
    `${" ".repeat(margin)}  ${ends[0]}${" ".repeat(gap)}${ends[1]}`,
    `${" ".repeat(margin)}  ${" ".repeat(Math.max(0, Math.floor((width - xLabel.length) / 2)))}${xLabel}`,
  ].join("\n");
}

/** The minimum and maximum, with a margin. */
function extent(values: readonly number[]): readonly [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = high > low ? 0.04 * (high - low) : Math.max(Math.abs(high), 1) * 0.05;
  return [low - air, high + air];
}

/** The column, or the nearest free one. */
function freeNear(row: readonly string[], column: number): number {
  for (let step = 0; step < row.length; step++)
    for (const at of [column + step, column - step]) if (row[at] === " ") return at;
  return column;
}
