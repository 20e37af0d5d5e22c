/**
 * Renders the views of images, and mixes the examples of a batch (mixup). The same image, view and size give the same bytes on any
 * machine. augmentation-plan.ts draws views.
 */
import { normals, type Random, randomFor } from "../../../base/random.ts";
import type { RgbImage } from "../rgb-image.ts";
import { type Box, type Frame, type Policy, planView, type View } from "./augmentation-plan.ts";
import { applyColour, overhang, rotate } from "./colour-and-rotation.ts";
import { type Axis, type Colour, levelFor, meanColour, pyramidOf, type Raster, resample, toBytes } from "./resample.ts";

/** Renders views of one image. */
export type Renderer = (view: View, size: number) => RgbImage;

/**
 * Prepares an image for rendering: several views of a large image share the work of scaling it down.
 *
 * The renderer takes a view and its side in pixels and returns an image of `size` × `size`. For a network with that input size, the
 * preprocessing fit `stretch` then only normalises. It throws a RangeError if the crop has no area or exceeds the image.
 */
export function rendererOf(image: RgbImage): Renderer {
  const pyramid = pyramidOf(image);
  return (view, size) => {
    checkCrop(view.crop, image);
    const level = levelFor(Math.min(view.crop.width, view.crop.height) / size);
    const source = pyramid(level);
    const scaled = { ...view, crop: scale(view.crop, 1 / 2 ** level) };
    const raster = view.degrees === 0 ? straight(source, scaled, size) : turned(source, scaled, size);
    for (const step of view.colour) applyColour(raster, step);
    if (view.erased.length > 0) {
      const colour = meanColour(raster);
      for (const box of view.erased) paint(raster, box, colour);
    }
    return { width: size, height: size, data: toBytes(raster) };
  };
}

/** Renders one view of an image with {@link rendererOf}. */
export const renderView = (image: RgbImage, view: View, size: number): RgbImage => rendererOf(image)(view, size);

const scale = ({ left, top, width, height }: Box, by: number): Box => ({
  left: left * by,
  top: top * by,
  width: width * by,
  height: height * by,
});

/** How far a crop may exceed the image through rounding errors. */
const SLACK = 1e-6;

function checkCrop({ left, top, width, height }: Box, image: RgbImage): void {
  const isInside = left >= 0 && top >= 0 && left + width <= image.width + SLACK && top + height <= image.height + SLACK;
  if (!(width > 0 && height > 0 && isInside))
    throw new RangeError(
      `A crop of ${width} × ${height} at ${left}, ${top} is not inside an image of ${image.width} × ${image.height}.`,
    );
}

function straight(image: RgbImage, { crop, flip }: View, size: number): Raster {
  const across = { from: crop.left, step: crop.width / size, first: 0, count: size };
  const down = { from: crop.top, step: crop.height / size, first: 0, count: size };
  return resample(image, across, down, flip);
}

/** Resizes the part of the image that is visible after the rotation, then rotates it. */
function turned(image: RgbImage, { crop, flip, degrees }: View, size: number): Raster {
  const reach = overhang(size, degrees);
  const across = within(
    { from: crop.left, step: crop.width / size, first: -reach, count: size + 2 * reach },
    image.width,
  );
  const down = within(
    { from: crop.top, step: crop.height / size, first: -reach, count: size + 2 * reach },
    image.height,
  );
  const raster = resample(image, across, down, flip);
  const left = flip ? size - across.first - across.count : across.first;
  return rotate({ raster, left, top: down.first }, size, degrees, meanColour(raster));
}

/** The part of an axis whose pixel centres are inside the image. */
function within({ from, step, first, count }: Axis, length: number): Axis {
  const lowest = Math.max(first, Math.ceil(-from / step - 0.5));
  const end = Math.min(first + count, Math.ceil((length - from) / step - 0.5));
  return { from, step, first: lowest, count: end - lowest };
}

function paint({ width, height, data }: Raster, box: Box, [red, green, blue]: Colour): void {
  const [left, right] = [Math.round(box.left * width), Math.round((box.left + box.width) * width)];
  const [top, bottom] = [Math.round(box.top * height), Math.round((box.top + box.height) * height)];
  for (let y = top; y < bottom; y++) {
    for (let at = (y * width + left) * 3, end = (y * width + right) * 3; at < end; at += 3) {
      data[at] = red;
      data[at + 1] = green;
      data[at + 2] = blue;
    }
  }
}

// The views of a dataset's images: each is the same in whatever order views are requested.

export interface ViewOptions {
  readonly policy: Policy;
  /** How the network's preprocessing fits an image (its `fit`). */
  readonly frame: Frame;
  /** The side of a view in pixels: the network's input size. */
  readonly size: number;
  readonly seed: number;
}

/**
 * The views of one image: a function from the number of a view to its pixels `[size, size, 3]`.
 *
 * @param key identifies the image independently of the order of work: its digest, or its position in the dataset
 */
export function viewsOf(
  image: RgbImage,
  key: string | number,
  { policy, frame, size, seed }: ViewOptions,
): (view: number) => RgbImage {
  const render = rendererOf(image);
  return (view) => render(planView(policy, image, frame, randomFor(seed, "view", key, view)), size);
}

// Mixup: training on weighted averages of two examples and of their labels. Sources: Zhang et al. 2018, arXiv 1710.09412; on hidden
// activations: Verma et al. 2019, arXiv 1806.05236.

/** How the examples of one batch are mixed: example i becomes `share` × itself + (1 − `share`) × example `partners[i]`. */
export interface Mixing {
  readonly share: number;
  readonly partners: readonly number[];
}

/**
 * Draws the mixing of a batch: one share from Beta(α, α) for the whole batch, and partners by a permutation, as in the authors' code.
 *
 * @param count examples in the batch
 * @param alpha above 0; the larger, the closer the shares are to one half
 */
export function planMixup(count: number, alpha: number, random: Random): Mixing {
  if (!(alpha > 0)) throw new RangeError(`Mixup's α must be above 0, not ${alpha}.`);
  const share = beta(alpha, random);
  return { share, partners: random.shuffle(Array.from({ length: count }, (_, i) => i)) };
}

/**
 * Mixes the rows of a batch: its features or boundary tensors, or with the same mixing its soft labels `[N, classes]`.
 *
 * @param rows `[N, …]`, row-major; N is the number of partners
 * @returns a new array of the same shape
 */
export function mixRows(rows: Float32Array, { share, partners }: Mixing): Float32Array {
  const size = rows.length / partners.length;
  if (!Number.isInteger(size)) throw new RangeError(`${rows.length} values are not ${partners.length} equal rows.`);
  const mixed = new Float32Array(rows.length);
  partners.forEach((partner, row) => {
    const [own, other] = [row * size, partner * size];
    for (let i = 0; i < size; i++) mixed[own + i] = share * rows[own + i]! + (1 - share) * rows[other + i]!;
  });
  return mixed;
}

/** Labels as one-hot rows `[N, classes]`. Throws a RangeError for a label that is not a class. */
export function oneHot(labels: ArrayLike<number>, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!(label >= 0 && label < classes)) throw new RangeError(`Label ${label} is not one of ${classes} classes.`);
    rows[i * classes + label] = 1;
  }
  return rows;
}

/** Draws from Beta(α, α) as x / (x + y) of two draws from Gamma(α); uses logarithms because small α underflow. */
function beta(alpha: number, random: Random): number {
  const normal = normals(random);
  const [x, y] = [logGamma(alpha, normal, random), logGamma(alpha, normal, random)];
  return 1 / (1 + Math.exp(y - x));
}

/**
 * Draws the logarithm of a number from Gamma(shape, 1). Source: Marsaglia and Tsang 2000, "A simple method for generating gamma
 * variables"; for shapes below 1 their note on Gamma(shape + 1) × U^(1 / shape).
 */
function logGamma(shape: number, normal: () => number, random: Random): number {
  if (shape < 1) return logGamma(shape + 1, normal, random) + Math.log(1 - random.next()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const z = normal();
    const v = (1 + c * z) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random.next()) < 0.5 * z * z + d - d * v + d * Math.log(v)) return Math.log(d) + Math.log(v);
  }
}
