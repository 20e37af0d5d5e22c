/**
 * How one image is placed in another: affine maps of the plane in which every image is the square from −1 to 1.
 */

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
