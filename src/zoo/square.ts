/** Which part of an image the network sees. */
import type { Fit } from "./preprocessing.ts";

/** A part of an image, in pixels. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The whole image if it is stretched, otherwise the square in its centre, `fraction` of the shorter side long. */
export function squareOf({ width, height }: { readonly width: number; readonly height: number }, fit: Fit): Rectangle {
  if (fit.kind === "stretch") return { left: 0, top: 0, width, height };
  const side = Math.max(1, Math.round(Math.min(width, height) * fit.fraction));
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
}
