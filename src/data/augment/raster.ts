/** Floating-point pixels between an image and a view, so that nothing is rounded between steps. */

/** `data` is float32 `[height, width, 3]`, RGB, 0 to 255. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

export type Colour = readonly [red: number, green: number, blue: number];

/** The mean of each channel. */
export function meanColour({ data }: Raster): Colour {
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let i = 0; i < data.length; i += 3) {
    red += data[i]!;
    green += data[i + 1]!;
    blue += data[i + 2]!;
  }
  const pixels = data.length / 3;
  return [red / pixels, green / pixels, blue / pixels];
}

/** Rounds values from 0 to 255 to 8 bits, halves upwards. */
export function toBytes({ data }: Raster): Uint8Array {
  const bytes = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) bytes[i] = data[i]! + 0.5;
  return bytes;
}
