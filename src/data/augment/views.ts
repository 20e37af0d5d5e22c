/** The views of a dataset's images; each is the same whenever and in whatever order it is requested. */
import { randomFor } from "../../base/random.ts";
import type { RgbImage } from "../rgb-image.ts";
import { type Frame, planView } from "./plan.ts";
import type { Policy } from "./policy.ts";
import { rendererOf } from "./render.ts";

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
