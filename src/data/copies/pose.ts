/**
 * How one picture lies in another: affine maps of the plane in which a picture, whatever its shape, is the square from −1 to 1.
 */

/** Where a point (u, v) of one picture is in another: (a·u + b·v + x, c·u + d·v + y). */
export type Pose = readonly [a: number, b: number, x: number, c: number, d: number, y: number];

/** First `inner`, then `outer`. */
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

/** A picture may be this much larger or smaller in another, this much more in one direction than in the other, and so far off its middle. */
const MOST_SCALE = 1.6;
const MOST_STRETCH = 1.35;
const MOST_SHIFT = 0.6;

/** Whether a change of a picture, rather than a coincidence, may have put it so. By the singular values of the linear part. */
export function isPlausible(pose: ArrayLike<number>): boolean {
  const [a, b, c, d] = [pose[0]!, pose[1]!, pose[3]!, pose[4]!];
  const sum = Math.hypot(a + d, c - b) / 2;
  const difference = Math.hypot(a - d, c + b) / 2;
  const [most, least] = [sum + difference, Math.abs(sum - difference)];
  const shift = Math.hypot(pose[2]!, pose[5]!);
  return most < MOST_SCALE && least > 1 / MOST_SCALE && most / least < MOST_STRETCH && shift < MOST_SHIFT;
}

/** How a picture may have been turned as a whole: mirrored or not, by quarters, and a little. */
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

/** What may have been cut out of a picture: all of it, its middle, or more of one corner. */
export const WINDOWS: readonly Pose[] = [
  [1, 0, 0],
  [0.83, 0, 0],
  ...[-0.15, 0.15].flatMap((x) => [-0.15, 0.15].map((y) => [0.85, x, y] as const)),
].map(([scale, x, y]): Pose => [scale!, 0, x!, 0, scale!, y!]);
