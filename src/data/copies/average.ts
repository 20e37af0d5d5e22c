/** Scales images down by averaging areas, for measurements of whole images. */
import type { RgbImage } from "../rgb-image.ts";

/** Averages: `data` is `[height, width, 3]`, RGB, 0 to 255. */
export interface Averages {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Averages squares of whole pixels, so that the longer side has fewer than 2 × `side` of them; leaves out the remaining pixels at the edges. */
export function blockAverages({ width, height, data }: RgbImage, side: number): Averages {
  const step = Math.max(1, Math.floor(Math.max(width, height) / side));
  const [columns, rows] = [Math.max(1, Math.floor(width / step)), Math.max(1, Math.floor(height / step))];
  const [across, down] = [Math.min(step, width), Math.min(step, height)];
  const averages = new Float32Array(rows * columns * 3);
  const share = 1 / (across * down);
  for (let y = 0; y < rows * down; y++) {
    let from = y * width * 3;
    let to = Math.floor(y / down) * columns * 3;
    for (let column = 0; column < columns; column++, to += 3) {
      let [red, green, blue] = [0, 0, 0];
      for (let x = 0; x < across; x++, from += 3) {
        red += data[from]!;
        green += data[from + 1]!;
        blue += data[from + 2]!;
      }
      averages[to] = averages[to]! + red * share;
      averages[to + 1] = averages[to + 1]! + green * share;
      averages[to + 2] = averages[to + 2]! + blue * share;
    }
  }
  return { width: columns, height: rows, data: averages };
}

/** The whole image as `side × side` averages of equal areas; pixels on a border count in proportion to each side. */
export function squareAverages({ width, height, data }: Averages, side: number): Averages {
  const horizontal = shares(width, side);
  const vertical = Array.from({ length: height }, (): { to: number; share: number }[] => []);
  for (const { from, to, share } of shares(height, side)) vertical[from]!.push({ to, share });
  const averages = new Float32Array(side * side * 3);
  const line = new Float32Array(side * 3);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (const { from, to, share } of horizontal) {
      const at = (y * width + from) * 3;
      line[to * 3] = line[to * 3]! + data[at]! * share;
      line[to * 3 + 1] = line[to * 3 + 1]! + data[at + 1]! * share;
      line[to * 3 + 2] = line[to * 3 + 2]! + data[at + 2]! * share;
    }
    for (const { to, share } of vertical[y]!) {
      for (let i = 0; i < line.length; i++)
        averages[to * line.length + i] = averages[to * line.length + i]! + line[i]! * share;
    }
  }
  return { width: side, height: side, data: averages };
}

/** The share of pixel `from` in area `to`, of `count` equal areas along `length` pixels; the shares of an area sum to 1. */
function shares(length: number, count: number): { from: number; to: number; share: number }[] {
  const size = length / count;
  const list: { from: number; to: number; share: number }[] = [];
  for (let to = 0; to < count; to++) {
    for (let from = Math.floor(to * size); from < Math.min(length, Math.ceil((to + 1) * size - 1e-9)); from++) {
      const overlap = Math.min(from + 1, (to + 1) * size) - Math.max(from, to * size);
      if (overlap > 0) list.push({ from, to, share: overlap / size });
    }
  }
  return list;
}
