/** Compares the colours of two aligned images. */
import { RADIUS } from "./levels.ts";
import type { Pose } from "./pose.ts";
import { COLOUR_SIDE } from "./signature.ts";

/**
 * The correlation of the colour values of one image with those at the same points of another, −1 to 1.
 *
 * @param a `[16, 16, 3]`, like `b`
 * @param pose the position of the points of `a` in `b`
 */
export function alignedColours(a: Uint8Array, b: Uint8Array, [p, q, x, r, s, y]: Pose): number {
  const coordinate = (i: number): number => (2 * i + 1) / COLOUR_SIDE - 1;
  const place = (at: number): number => Math.round(((at + 1) * COLOUR_SIDE - 1) / 2);
  let [count, sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < COLOUR_SIDE ** 2; i++) {
    const [u, v] = [coordinate(i % COLOUR_SIDE), coordinate(Math.floor(i / COLOUR_SIDE))];
    const [across, down] = [p * u + q * v + x, r * u + s * v + y];
    if (Math.hypot(u, v) > RADIUS || Math.hypot(across, down) > RADIUS) continue;
    const under = place(down) * COLOUR_SIDE + place(across);
    for (let c = 0; c < 3; c++) {
      const [own, other] = [a[i * 3 + c]!, b[under * 3 + c]!];
      count++;
      sumA += own;
      sumB += other;
      squaresA += own * own;
      squaresB += other * other;
      products += own * other;
    }
  }
  const spread = (squaresA - (sumA * sumA) / count) * (squaresB - (sumB * sumB) / count);
  return spread > 0 ? (products - (sumA * sumB) / count) / Math.sqrt(spread) : 0;
}
