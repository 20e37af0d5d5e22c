/**
 * How strongly pictures are varied while a network learns: rows of data, and which row suits a dataset. Drawing a view by
 * a policy is in plan.ts.
 *
 * No policy knows what a label means. Flipping and turning are right for most photographs and wrong where left and right
 * or up and down *are* the label: letters and digits, arrows, road signs, the side of an X-ray. `light` therefore neither
 * flips nor turns; for such data choose it, or `none`, with `--augment`. Colours likewise: where the label is a colour
 * (ripeness, stains), choose `none`.
 */

/** From the least to the most, both included. */
export type Range = readonly [least: number, most: number];

/** Rectangles to draw: their area as a share of the whole, and their width over height, log-uniform. */
export interface RandomBox {
  readonly scale: Range;
  readonly ratio: Range;
}

/** What is drawn for each view. What is absent is left out. */
export interface Policy {
  /**
   * Random resized crop (Szegedy et al. 2014; torchvision's `RandomResizedCrop`). `ratio` is relative to the shape that the
   * network's preprocessing shows: 1 keeps a stretched picture's shape as stretched, and is a square where it crops.
   */
  readonly crop?: RandomBox | undefined;
  /** How likely left and right are exchanged, 0 to 1. */
  readonly flip: number;
  /** The largest angle either way, in degrees. */
  readonly degrees: number;
  /** Colour jitter, as torchvision's `ColorJitter`: factors within 1 ± each, hue in turns either way; in random order. */
  readonly colour: {
    readonly brightness: number;
    readonly contrast: number;
    readonly saturation: number;
    readonly hue: number;
  };
  /** Random erasing (Zhong et al. 2017, arXiv 1708.04896; cutout: DeVries and Taylor 2017, arXiv 1708.04552). */
  readonly erase?: (RandomBox & { readonly probability: number }) | undefined;
  /** The α of mixup's Beta(α, α); 0 for none. See mixup.ts. */
  readonly mixup: number;
}

const SQUARE_ROOT_2: Range = [Math.SQRT1_2, Math.SQRT2];

/** Policies by the names that `--augment` takes. */
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

/** The policy for a number of examples a class, from the least. */
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
 * The augmentation sized to a dataset: the fewer examples a class has, the stronger.
 *
 * @throws RangeError where there are no examples or no classes
 */
export function augmentationFor({ examples, classes }: { examples: number; classes: number }): Augmentation {
  const perClass = examples / classes;
  const row = bySize.find(({ upTo }) => perClass <= upTo);
  if (!row || !(perClass > 0 && perClass < Number.POSITIVE_INFINITY))
    throw new RangeError(`${examples} examples of ${classes} classes have no augmentation.`);
  return { name: row.name, policy: augmentations[row.name] };
}
