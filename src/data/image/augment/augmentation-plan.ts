/**
 * Augmentation policies, which policy suits a dataset, and views drawn by a policy with all their random numbers. Touches no pixels:
 * render.ts renders views.
 *
 * No policy knows what a label means. Flipping and rotating suit most photos, but not data where left and right or up and down
 * decide the label: letters and digits, arrows, road signs, the side of an X-ray. `light` therefore neither flips nor rotates; use
 * it, or `none`, for such data with `--augment`. If the label is a colour (ripeness, stains), use `none`.
 */
import type { Random } from "../../../base/random.ts";

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
  /** The α of mixup's Beta(α, α); 0 for no mixup. See render.ts. */
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

// A view: one augmented version of an image as plain data, so that it can be stored, sent and rendered again to the same pixels.

/** A rectangle, in pixels of the image or as shares of the view (0 to 1). */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * One change of colour, as in torchvision's `functional.adjust_*` on floating-point images, clipped to 0 … 255 afterwards. `factor` 1
 * changes nothing; 0 makes the image black (brightness), a single grey (contrast) or greyscale (saturation).
 */
export type ColourStep =
  | { readonly kind: "brightness"; readonly factor: number }
  | { readonly kind: "contrast"; readonly factor: number }
  | { readonly kind: "saturation"; readonly factor: number }
  /** A hue shift of −0.5 to 0.5 turns; 0 changes nothing. */
  | { readonly kind: "hue"; readonly turns: number };

/** The changes to an image, in this order: crop and resize, flip, rotate, change colours, erase. */
export interface View {
  /** In pixels of the image; may be fractional. */
  readonly crop: Box;
  /** Whether to flip horizontally. */
  readonly flip: boolean;
  /** Rotation, counter-clockwise about the crop's centre, after resizing. Pixels around the crop become visible. */
  readonly degrees: number;
  readonly colour: readonly ColourStep[];
  /** Rectangles, as shares of the view, that are filled with the mean colour of the view. */
  readonly erased: readonly Box[];
}

/** The view of the whole image, changed only in size. */
export const wholeView = ({ width, height }: { readonly width: number; readonly height: number }): View => ({
  crop: { left: 0, top: 0, width, height },
  flip: false,
  degrees: 0,
  colour: [],
  erased: [],
});

// Drawing views.

/**
 * How the network's preprocessing fits an image, which views vary: the whole image stretched to a square, or the centre square with
 * `fraction` of the shorter side.
 */
export type Frame = { readonly kind: "stretch" } | { readonly kind: "crop"; readonly fraction: number };

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Attempts to place a random rectangle before the fallback; the same number as torchvision. */
const ATTEMPTS = 10;

/** Draws one view of an image of this size. A policy that varies nothing gives the view of the preprocessing. */
export function planView(policy: Policy, image: Size, frame: Frame, random: Random): View {
  return {
    crop: policy.crop ? randomCrop(policy.crop, image, frame, random) : shown(image, frame),
    flip: random.next() < policy.flip,
    degrees: policy.degrees * (2 * random.next() - 1) || 0,
    colour: jitter(policy.colour, random),
    erased: policy.erase && random.next() < policy.erase.probability ? erasedBox(policy.erase, random) : [],
  };
}

const uniform = ([least, most]: Range, random: Random): number => least + (most - least) * random.next();

const logUniform = ([least, most]: Range, random: Random): number =>
  Math.exp(uniform([Math.log(least), Math.log(most)], random));

function shown({ width, height }: Size, frame: Frame): Box {
  if (frame.kind === "stretch") return { left: 0, top: 0, width, height };
  const side = Math.min(width, height) * frame.fraction;
  return centred({ width: side, height: side }, { width, height });
}

const centred = (box: Size, image: Size): Box => ({
  left: (image.width - box.width) / 2,
  top: (image.height - box.height) / 2,
  width: box.width,
  height: box.height,
});

/** torchvision's `RandomResizedCrop.get_params`, not rounded to pixels; ratios are relative to that of the frame. */
function randomCrop({ scale, ratio }: RandomBox, image: Size, frame: Frame, random: Random): Box {
  const own = frame.kind === "stretch" ? image.width / image.height : 1;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = image.width * image.height * uniform(scale, random);
    const aspect = own * logUniform(ratio, random);
    const box = { width: Math.sqrt(area * aspect), height: Math.sqrt(area / aspect) };
    if (box.width > image.width || box.height > image.height) continue;
    const left = (image.width - box.width) * random.next();
    return { ...box, left, top: (image.height - box.height) * random.next() };
  }
  const [least, most] = [own * ratio[0], own * ratio[1]];
  const aspect = Math.min(most, Math.max(least, image.width / image.height));
  const width = Math.min(image.width, image.height * aspect);
  return centred({ width, height: Math.min(image.height, width / aspect) }, image);
}

/** torchvision's `ColorJitter.get_params`, without the changes of strength 0. */
function jitter({ brightness, contrast, saturation, hue }: Policy["colour"], random: Random): readonly ColourStep[] {
  const factor = (strength: number): number => uniform([Math.max(0, 1 - strength), 1 + strength], random);
  const steps: ColourStep[] = [
    ...(brightness > 0 ? [{ kind: "brightness", factor: factor(brightness) } as const] : []),
    ...(contrast > 0 ? [{ kind: "contrast", factor: factor(contrast) } as const] : []),
    ...(saturation > 0 ? [{ kind: "saturation", factor: factor(saturation) } as const] : []),
    ...(hue > 0 ? [{ kind: "hue", turns: uniform([-hue, hue], random) } as const] : []),
  ];
  return random.shuffle(steps);
}

/** torchvision's `RandomErasing.get_params` on a square, as shares of it; empty if no attempt fits. */
function erasedBox({ scale, ratio }: RandomBox, random: Random): readonly Box[] {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = uniform(scale, random);
    const aspect = logUniform(ratio, random);
    const [width, height] = [Math.sqrt(area * aspect), Math.sqrt(area / aspect)];
    if (width >= 1 || height >= 1) continue;
    return [{ left: (1 - width) * random.next(), top: (1 - height) * random.next(), width, height }];
  }
  return [];
}
