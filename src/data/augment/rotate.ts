/**
 * Rotates an image about its centre with bilinear interpolation, like torchvision's `functional.rotate`: positive angles are
 * counter-clockwise, and one colour fills the area outside of the image.
 */
import type { Colour, Raster } from "./raster.ts";

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
