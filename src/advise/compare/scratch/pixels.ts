/** Small pictures in memory, for networks that are trained from nothing: 8 bits a channel, a few views of each. */

import { availableParallelism } from "node:os";
import { mapAhead } from "../../../base/concurrency.ts";
import { readBytes } from "../../../base/files.ts";
import type { Policy } from "../../../data/augment/policy.ts";
import { viewsOf } from "../../../data/augment/views.ts";
import { withImage } from "../../../data/decode.ts";

/** The side of the pictures and what is varied. */
export interface PixelOptions {
  readonly side: number;
  readonly policy: Policy;
  /** Views of each picture. */
  readonly views: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** `[pictures][views]`, each `[side, side, 3]` RGB. */
export type Pixels = readonly (readonly Uint8Array[])[];

/** Mean and deviation of a channel, about those of photographs. */
const MEAN = 118;
const DEVIATION = 60;

/** Reads pictures and renders their views. */
export async function readPixels(paths: readonly string[], options: PixelOptions): Promise<Pixels> {
  const { side, policy, views, seed, signal } = options;
  const read = async (item: number): Promise<Uint8Array[]> => {
    return withImage(await readBytes(paths[item]!), (image) => {
      const view = viewsOf(image, item, { policy, frame: { kind: "stretch" }, size: side, seed });
      return Array.from({ length: views }, (_, i) => new Uint8Array(view(i).data));
    });
  };
  const pixels: Uint8Array[][] = [];
  for await (const one of mapAhead(paths.keys(), availableParallelism(), read)) {
    signal?.throwIfAborted();
    pixels.push(one);
  }
  return pixels;
}

/** `[N, 3, side, side]`, normalised, of as many pictures. */
export function asBatch(pictures: readonly Uint8Array[], side: number): Float32Array {
  const area = side * side;
  const data = new Float32Array(pictures.length * 3 * area);
  pictures.forEach((picture, row) => {
    for (let c = 0; c < 3; c++) {
      const from = (row * 3 + c) * area;
      for (let i = 0; i < area; i++) data[from + i] = (picture[3 * i + c]! - MEAN) / DEVIATION;
    }
  });
  return data;
}
