/** Compares the colours of two images, with or without an alignment, by their signatures. Aligns nothing. */
import { type Pose, RADIUS } from "./levels-and-poses.ts";
import { COLOUR_SIDE } from "./signature.ts";

/** The least likeness of two copies of one image. */
export const COPY_LIKENESS = 0.99;

/** A signature's colours, prepared for comparison. */
export interface Print {
  /** `[16, 16, 3]`, RGB. */
  readonly colour: Uint8Array;
  readonly mirrored: Uint8Array;
  readonly mean: number;
  /** The norm of the colours about their mean; 0 for a uniform image. */
  readonly length: number;
}

/** The least norm for a comparison, three grey levels of standard deviation: below it, noise would decide. */
const LEAST_LENGTH = 3 * Math.sqrt(COLOUR_SIDE ** 2 * 3);

/** Whether the colours of an image vary enough to identify it. */
export const isTelling = ({ length }: Print): boolean => length >= LEAST_LENGTH;

export function printOf(colour: Uint8Array): Print {
  let sum = 0;
  for (const value of colour) sum += value;
  const mean = sum / colour.length;
  let squares = 0;
  for (const value of colour) squares += (value - mean) ** 2;
  return { colour, mirrored: mirror(colour), mean, length: Math.sqrt(squares) };
}

/**
 * The similarity of two images, mirrored or not: the larger of two correlations of their colours, −1 to 1.
 * Resized, recompressed and mirrored copies in the shared datasets reach at least 0.998, different images at most 0.98.
 */
export function likeness(a: Print, b: Print): number {
  if (a.length === 0 || b.length === 0) return 0;
  const count = a.colour.length;
  let [straight, mirrored] = [0, 0];
  for (let i = 0; i < count; i++) {
    straight += a.colour[i]! * b.colour[i]!;
    mirrored += a.colour[i]! * b.mirrored[i]!;
  }
  return (Math.max(straight, mirrored) - count * a.mean * b.mean) / (a.length * b.length);
}

function mirror(colour: Uint8Array): Uint8Array {
  const mirrored = new Uint8Array(colour.length);
  for (let y = 0; y < COLOUR_SIDE; y++) {
    for (let x = 0; x < COLOUR_SIDE; x++) {
      const [from, to] = [(y * COLOUR_SIDE + x) * 3, (y * COLOUR_SIDE + COLOUR_SIDE - 1 - x) * 3];
      mirrored.set(colour.subarray(from, from + 3), to);
    }
  }
  return mirrored;
}

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
