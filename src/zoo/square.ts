/** Which part of a picture the network's square shows. */
import type { Fit } from "./preprocessing.ts";

export type { Fit } from "./preprocessing.ts";

/** A part of a picture, in its pixels. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The whole picture where it is stretched, else the square in its centre, of `fraction` of the shorter side. */
export function squareOf({ width, height }: { readonly width: number; readonly height: number }, fit: Fit): Rectangle {
  if (fit.kind === "stretch") return { left: 0, top: 0, width, height };
  const side = Math.max(1, Math.round(Math.min(width, height) * fit.fraction));
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
}
