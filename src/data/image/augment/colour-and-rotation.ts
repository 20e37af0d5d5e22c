/**
 * Changes the colours of a raster and rotates it, like torchvision's `functional.adjust_brightness`, `adjust_contrast`,
 * `adjust_saturation`, `adjust_hue` and `rotate` on floating-point images. Draws no random numbers.
 */

import type { ColourStep } from "./augmentation-plan.ts";
import type { Colour, Raster } from "./resample.ts";

/** Luma as in torchvision: ITU-R BT.601 to four digits. */
const grey = (red: number, green: number, blue: number): number => 0.2989 * red + 0.587 * green + 0.114 * blue;

const limit = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

type Change<Kind extends ColourStep["kind"]> = (data: Float32Array, step: Extract<ColourStep, { kind: Kind }>) => void;

const changes: { readonly [Kind in ColourStep["kind"]]: Change<Kind> } = {
  brightness: (data, { factor }) => blend(data, factor, 0),
  contrast: (data, { factor }) => blend(data, factor, meanGrey(data)),
  saturation: (data, { factor }) => saturate(data, factor),
  hue: (data, { turns }) => turnHue(data, turns),
};

/** Applies one step to the pixels of a raster, in place. */
export function applyColour<Kind extends ColourStep["kind"]>(
  { data }: Raster,
  step: Extract<ColourStep, { kind: Kind }>,
): void {
  changes[step.kind as Kind](data, step);
}

/** factor · value + (1 − factor) · other; extrapolates if the factor is above 1. */
function blend(data: Float32Array, factor: number, other: number): void {
  const added = (1 - factor) * other;
  for (let i = 0; i < data.length; i++) data[i] = limit(factor * data[i]! + added);
}

function meanGrey(data: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += grey(data[i]!, data[i + 1]!, data[i + 2]!);
  return sum / (data.length / 3);
}

function saturate(data: Float32Array, factor: number): void {
  for (let i = 0; i < data.length; i += 3) {
    const red = data[i]!;
    const green = data[i + 1]!;
    const blue = data[i + 2]!;
    const added = (1 - factor) * grey(red, green, blue);
    data[i] = limit(factor * red + added);
    data[i + 1] = limit(factor * green + added);
    data[i + 2] = limit(factor * blue + added);
  }
}

/**
 * Shifts the hue in HSV (Smith 1978) and keeps value and chroma. A hue h from 0 to 6 has the channels
 * value − chroma · max(0, min(k, 4 − k, 1)) with k = (n + h) mod 6 and n = 5, 3, 1 for red, green, blue.
 */
function turnHue(data: Float32Array, turns: number): void {
  const turned = 6 * (turns - Math.floor(turns));
  for (let i = 0; i < data.length; i += 3) {
    const red = data[i]!;
    const green = data[i + 1]!;
    const blue = data[i + 2]!;
    const value = Math.max(red, green, blue);
    const chroma = value - Math.min(red, green, blue);
    if (chroma === 0) continue;
    const sector =
      value === red
        ? (green - blue) / chroma
        : value === green
          ? 2 + (blue - red) / chroma
          : 4 + (red - green) / chroma;
    // Sectors start at −1, and the shift is less than a whole circle.
    const hue = sector + turned + 1;
    data[i] = value - chroma * falling(hue + 4);
    data[i + 1] = value - chroma * falling(hue + 2);
    data[i + 2] = value - chroma * falling(hue);
  }
}

/** max(0, min(k mod 6, 4 − k mod 6, 1)) for k from 0 to 18. */
function falling(k: number): number {
  const at = k >= 12 ? k - 12 : k >= 6 ? k - 6 : k;
  return at < 1 ? at : at < 3 ? 1 : at < 4 ? 4 - at : 0;
}

// Rotation about the centre with bilinear interpolation: positive angles are counter-clockwise, and one colour fills the area outside
// of the image.

/** A raster that is part of a larger plane: its pixel (0, 0) is the plane's (`left`, `top`). */
export interface Placed {
  readonly raster: Raster;
  readonly left: number;
  readonly top: number;
}

/** Rotates the square of pixels 0 … `size` − 1 of the plane about its centre; `fill` outside of the raster. */
export function rotate({ raster, left, top }: Placed, size: number, degrees: number, fill: Colour): Raster {
  const { width, height, data: source } = raster;
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const data = new Float32Array(size * size * 3);
  const centre = (size - 1) / 2;
  const stride = width * 3;
  let to = 0;
  for (let y = 0; y < size; y++) {
    const startX = centre - left - cos * centre - sin * (y - centre);
    const startY = centre - top - sin * centre + cos * (y - centre);
    for (let x = 0; x < size; x++, to += 3) {
      const fromX = startX + cos * x;
      const fromY = startY + sin * x;
      const column = Math.floor(fromX);
      const row = Math.floor(fromY);
      const right = fromX - column;
      const below = fromY - row;
      const upperLeft = (1 - right) * (1 - below);
      const upperRight = right * (1 - below);
      const lowerLeft = (1 - right) * below;
      const lowerRight = right * below;
      if (column >= 0 && row >= 0 && column < width - 1 && row < height - 1) {
        const at = row * stride + column * 3;
        const under = at + stride;
        data[to] =
          upperLeft * source[at]! +
          upperRight * source[at + 3]! +
          lowerLeft * source[under]! +
          lowerRight * source[under + 3]!;
        data[to + 1] =
          upperLeft * source[at + 1]! +
          upperRight * source[at + 4]! +
          lowerLeft * source[under + 1]! +
          lowerRight * source[under + 4]!;
        data[to + 2] =
          upperLeft * source[at + 2]! +
          upperRight * source[at + 5]! +
          lowerLeft * source[under + 2]! +
          lowerRight * source[under + 5]!;
      } else {
        for (let c = 0; c < 3; c++) {
          data[to + c] =
            upperLeft * edge(c, column, row) +
            upperRight * edge(c, column + 1, row) +
            lowerLeft * edge(c, column, row + 1) +
            lowerRight * edge(c, column + 1, row + 1);
        }
      }
    }
  }
  return { width: size, height: size, data };

  function edge(channel: number, column: number, row: number): number {
    const isInside = column >= 0 && row >= 0 && column < width && row < height;
    return isInside ? source[(row * width + column) * 3 + channel]! : fill[channel]!;
  }
}

/** How far the corners of a rotated square of `size` pixels extend beyond it, in whole pixels. */
export const overhang = (size: number, degrees: number): number => {
  const angle = (degrees * Math.PI) / 180;
  return Math.max(0, Math.ceil((size * (Math.abs(Math.cos(angle)) + Math.abs(Math.sin(angle)) - 1)) / 2) + 1);
};
