/** For tests only: the image that bench/reference/pillow_resize.py also draws, and images of noise. */
import { createRandom } from "../../../base/random.ts";
import type { RgbImage } from "../rgb-image.ts";

/** Ramps, edges, moiré and noise, in integers. */
export function drawn(width: number, height: number): RgbImage {
  const data = new Uint8Array(height * width * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const checks = ((Math.floor(x / 9) + Math.floor(y / 7)) % 2) * 97;
      for (let c = 0; c < 3; c++) {
        const noise = ((x * y) % 31) * 3 + ((x * x + y * 5 + c * 11) % 17) * 5;
        data[at++] = (x * 7 + y * 13 + c * 29 + checks + noise) % 256;
      }
    }
  }
  return { width, height, data };
}

/** Random bytes. */
export function noise(width: number, height: number, seed: number): RgbImage {
  const random = createRandom(seed);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.below(256)) };
}

/** One colour. */
export const plain = (width: number, height: number, colour: readonly [number, number, number]): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3]!),
});
