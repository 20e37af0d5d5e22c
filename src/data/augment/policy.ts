/**
 * Augmentation policies, and which policy suits a dataset. Drawing a view by a policy is in plan.ts.
 *
 * No policy knows what a label means. Flipping and rotating suit most photos, but not data where left and right or up and down
 * decide the label: letters and digits, arrows, road signs, the side of an X-ray. `light` therefore neither flips nor rotates; use
 * it, or `none`, for such data with `--augment`. If the label is a colour (ripeness, stains), use `none`.
 */

/** A range with both ends included. */
export type Range = readonly [least: number, most: number];

/** Random rectangles: area as a share of the whole, and width over height, log-uniform. */
export interface RandomBox {
  readonly scale: Range;
  readonly ratio: Range;
}

/** What is drawn for each view. An absent field means no such change. */
export interface Policy {
  /**
   * Random resized crop (Szegedy et al. 2014; torchvision's `RandomResizedCrop`). `ratio` is relative to the shape that the
   * network's preprocessing shows: 1 keeps the aspect ratio of a stretched image, and is a square for a cropped one.
   */
  readonly crop?: RandomBox | undefined;
  /** The probability of a horizontal flip, 0 to 1. */
  readonly flip: number;
  /** The largest rotation in either direction, in degrees. */
  readonly degrees: number;
  /** Colour jitter like torchvision's `ColorJitter`: factors within 1 ± each, hue in turns in either direction; random order. */
  readonly colour: {
    readonly brightness: number;
    readonly contrast: number;
    readonly saturation: number;
    readonly hue: number;
  };
  /** Random erasing (Zhong et al. 2017, arXiv 1708.04896; cutout: DeVries and Taylor 2017, arXiv 1708.04552). */
  readonly erase?: (RandomBox & { readonly probability: number }) | undefined;
  /** The α of mixup's Beta(α, α); 0 for no mixup. See mixup.ts. */
  readonly mixup: number;
}

const SQUARE_ROOT_2: Range = [Math.SQRT1_2, Math.SQRT2];

/** Policies by their names for `--augment`. */
export const augmentations = {
  none: { flip: 0, degrees: 0, colour: { brightness: 0, contrast: 0, saturation: 0, hue: 0 }, mixup: 0 },
  light: {
    crop: { scale: [0.7, 1], ratio: [0.9, 1 / 0.9] },
    flip: 0,
    degrees: 0,
    colour: { brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0 },
    mixup: 0,
  },
  standard: {
    crop: { scale: [0.5, 1], ratio: [3 / 4, 4 / 3] },
    flip: 0.5,
    degrees: 8,
    colour: { brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0 },
    mixup: 0,
  },
  strong: {
    crop: { scale: [0.3, 1], ratio: SQUARE_ROOT_2 },
    flip: 0.5,
    degrees: 15,
    colour: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.03 },
    erase: { probability: 0.25, scale: [0.02, 0.2], ratio: [0.3, 1 / 0.3] },
    mixup: 0.2,
  },
} as const satisfies Readonly<Record<string, Policy>>;

export type AugmentationName = keyof typeof augmentations;

/** The policy for a number of examples per class, in ascending order. */
const bySize: readonly { readonly upTo: number; readonly name: AugmentationName }[] = [
  { upTo: 100, name: "strong" },
  { upTo: 1000, name: "standard" },
  { upTo: Number.POSITIVE_INFINITY, name: "light" },
];

/** A policy with its name. */
export interface Augmentation {
  readonly name: AugmentationName;
  readonly policy: Policy;
}

/**
 * The augmentation for a dataset: the fewer examples per class, the stronger.
 *
 * @throws RangeError if there are no examples or no classes
 */
export function augmentationFor({ examples, classes }: { examples: number; classes: number }): Augmentation {
  const perClass = examples / classes;
  const row = bySize.find(({ upTo }) => perClass <= upTo);
  if (!row || !(perClass > 0 && perClass < Number.POSITIVE_INFINITY))
    throw new RangeError(`${examples} examples of ${classes} classes have no augmentation.`);
  return { name: row.name, policy: augmentations[row.name] };
}
