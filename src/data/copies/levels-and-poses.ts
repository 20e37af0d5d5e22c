/**
 * A signature's detail at several sizes (levels), blurred slightly to tolerate small shifts, and the poses in which one image may appear
 * in another. Aligns nothing.
 */
import { once } from "../../base/concurrency.ts";
import { DETAIL_SIDE } from "./signature.ts";

/** Grey values `[side, side]`. */
export interface Grey {
  readonly side: number;
  readonly values: Float32Array;
}

/** One image at one size. */
export interface Level {
  readonly grey: Grey;
  /** What further blurring removes. */
  readonly fine: Grey;
}

/** One image at the sides 16, 32 and 64. */
export type Levels = readonly Level[];

/** The corners of a rotated image are black or invented: only a disc of this radius is compared; radius 1 touches the sides. */
export const RADIUS = 0.92;

const wholeOf = (detail: Uint8Array): Grey => ({ side: DETAIL_SIDE, values: Float32Array.from(detail) });

/** A signature's detail at side 16, as in {@link Levels}. */
export const coarseOf = (detail: Uint8Array): Grey => blurred(halved(halved(wholeOf(detail))));

/** All levels of a signature's detail, computed on demand: few pairs need the larger ones. */
export function levelsOf(detail: Uint8Array): Levels {
  const level = (grey: () => Grey): Level => {
    const own = once(() => blurred(grey()));
    const fine = once(() => without(own(), blurred(blurred(own())), 1));
    return {
      get grey() {
        return own();
      },
      get fine() {
        return fine();
      },
    };
  };
  const whole = once(() => wholeOf(detail));
  const half = once(() => halved(whole()));
  return [level(() => halved(half())), level(half), level(whole)];
}

/** `grey` minus a share of another. */
export const without = ({ side, values }: Grey, other: Grey, share: number): Grey => ({
  side,
  values: subtracted(values, other.values, share),
});

function subtracted(values: Float32Array, others: Float32Array, share: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let i = 0; i < result.length; i++) result[i] = values[i]! - share * others[i]!;
  return result;
}

function halved({ side, values }: Grey): Grey {
  const half = side / 2;
  const result = new Float32Array(half * half);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const from = 2 * (y * side + x);
      result[y * half + x] = (values[from]! + values[from + 1]! + values[from + side]! + values[from + side + 1]!) / 4;
    }
  }
  return { side: half, values: result };
}

/** Blurs with the weights ¼ ½ ¼ in both directions; pixels outside of the image repeat its edge. */
export function blurred({ side, values }: Grey): Grey {
  const across = new Float32Array(values.length);
  const result = new Float32Array(values.length);
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      const left = values[x > 0 ? at - 1 : at]!;
      const right = values[x < side - 1 ? at + 1 : at]!;
      across[at] = 0.25 * (left + right) + 0.5 * values[at]!;
    }
  }
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      const above = across[y > 0 ? at - side : at]!;
      const below = across[y < side - 1 ? at + side : at]!;
      result[at] = 0.25 * (above + below) + 0.5 * across[at]!;
    }
  }
  return { side, values: result };
}

// Poses: affine maps of the plane in which every image is the square from −1 to 1.

/** Maps a point (u, v) of one image to (a·u + b·v + x, c·u + d·v + y) in another. */
export type Pose = readonly [a: number, b: number, x: number, c: number, d: number, y: number];

/** The map that applies `inner`, then `outer`. */
export function composed(outer: Pose, inner: Pose): Pose {
  const [a, b, x, c, d, y] = outer;
  const [e, f, p, g, h, q] = inner;
  return [a * e + b * g, a * f + b * h, a * p + b * q + x, c * e + d * g, c * f + d * h, c * p + d * q + y];
}

export function inverted([a, b, x, c, d, y]: Pose): Pose {
  const determinant = a * d - b * c;
  const [e, f, g, h] = [d / determinant, -b / determinant, -c / determinant, a / determinant];
  return [e, f, -(e * x + f * y), g, h, -(g * x + h * y)];
}

/** The largest plausible scale, ratio of the scales in two directions, and shift of the centre. */
const MOST_SCALE = 1.6;
const MOST_STRETCH = 1.35;
const MOST_SHIFT = 0.6;

/** Whether a pose may come from a change of an image and not from a coincidence, by the singular values of its linear part. */
export function isPlausible(pose: ArrayLike<number>): boolean {
  const [a, b, c, d] = [pose[0]!, pose[1]!, pose[3]!, pose[4]!];
  const sum = Math.hypot(a + d, c - b) / 2;
  const difference = Math.hypot(a - d, c + b) / 2;
  const [most, least] = [sum + difference, Math.abs(sum - difference)];
  const shift = Math.hypot(pose[2]!, pose[5]!);
  return most < MOST_SCALE && least > 1 / MOST_SCALE && most / least < MOST_STRETCH && shift < MOST_SHIFT;
}

/** The rotations to try: mirrored or not, by quarter turns, and by small angles. */
const LITTLE_TURNS = [-10, 0, 10];
export const TURNS: readonly Pose[] = [1, -1].flatMap((mirror) =>
  [0, 90, 180, 270].flatMap((quarter) =>
    LITTLE_TURNS.map((little): Pose => {
      const angle = ((quarter + little) * Math.PI) / 180;
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      return [mirror * cosine, -mirror * sine, 0, sine, cosine, 0];
    }),
  ),
);

/** The crops to try: the whole image, its middle, or towards one corner. */
export const WINDOWS: readonly Pose[] = [
  [1, 0, 0],
  [0.83, 0, 0],
  ...[-0.15, 0.15].flatMap((x) => [-0.15, 0.15].map((y) => [0.85, x, y] as const)),
].map(([scale, x, y]): Pose => [scale!, 0, x!, 0, scale!, y!]);
