/**
 * Draws a heat map over its image as a JPEG: hot positions get a warm colour, cold ones keep the image. Computing the map is in
 * attributions.ts.
 */
import sharp from "sharp";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { type Fit, squareOf } from "../networks/preprocessing/preprocessing.ts";

/**
 * A heat map: how much each position of an image matters. `values` are `[height, width]`, row by row; their scale depends on the method.
 */
export interface Heat {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/** Maximum length of an overlay's longer side, in pixels. */
const SIDE = 480;
/** The opacity of the hottest position. */
const MOST_OPAQUE = 0.75;
/** The quantile of heat that counts as hottest, so that one outlier does not leave the rest cold. */
const HOTTEST_QUANTILE = 0.995;
/** From cold to hot: violet, red, orange, yellow. */
const RAMP = [
  [72, 20, 140],
  [205, 40, 70],
  [250, 140, 20],
  [255, 240, 90],
] as const;

/**
 * Draws an overlay.
 *
 * @param fit how the network's square was cut out of the image
 */
export async function overlay(image: RgbImage, heat: Heat, fit: Fit): Promise<Buffer> {
  const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  const square = squareOf({ width, height }, fit);
  const layer = await sharp(colours(heat), { raw: { width: heat.width, height: heat.height, channels: 4 } })
    .resize(square.width, square.height, { fit: "fill", kernel: "cubic" })
    .png()
    .toBuffer();
  return sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize(width, height, { fit: "fill" })
    .composite([{ input: layer, left: square.left, top: square.top }])
    .jpeg({ quality: 82 })
    .toBuffer();
}

/** `[height, width, 4]`: heat as colour and opacity. */
function colours({ values }: Heat): Uint8Array {
  const sorted = values.slice().sort();
  const most =
    sorted[Math.min(sorted.length - 1, Math.floor(HOTTEST_QUANTILE * sorted.length))]! || sorted.at(-1)! || 1;
  const rgba = new Uint8Array(values.length * 4);
  values.forEach((value, at) => {
    const share = Math.min(1, value / most);
    const place = share * (RAMP.length - 1);
    const [low, high] = [RAMP[Math.floor(place)]!, RAMP[Math.ceil(place)]!];
    const between = place - Math.floor(place);
    for (let c = 0; c < 3; c++) rgba[at * 4 + c] = Math.round(low[c]! + (high[c]! - low[c]!) * between);
    rgba[at * 4 + 3] = Math.round(255 * MOST_OPAQUE * Math.sqrt(share));
  });
  return rgba;
}
