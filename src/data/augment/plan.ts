/** Drawing views by a policy. All chance is here; no pixel is touched. */
import type { Random } from "../../base/random.ts";
import type { Policy, RandomBox, Range } from "./policy.ts";
import type { Box, ColourStep, View } from "./view.ts";

/**
 * How the network's preprocessing shows a whole picture, which is what views vary: all of it, stretched to a square, or the
 * centre square of `fraction` of the shorter side.
 */
export type Frame = { readonly kind: "stretch" } | { readonly kind: "crop"; readonly fraction: number };

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Attempts to place a random rectangle before it is done without chance: torchvision's number. */
const ATTEMPTS = 10;

/** Draws one view of a picture of this size. With nothing to vary, it is what the preprocessing shows. */
export function planView(policy: Policy, picture: Size, frame: Frame, random: Random): View {
  return {
    crop: policy.crop ? randomCrop(policy.crop, picture, frame, random) : shown(picture, frame),
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

const centred = (box: Size, picture: Size): Box => ({
  left: (picture.width - box.width) / 2,
  top: (picture.height - box.height) / 2,
  width: box.width,
  height: box.height,
});

/** torchvision's `RandomResizedCrop.get_params`, in fractions of pixels; ratios relative to the frame's. */
function randomCrop({ scale, ratio }: RandomBox, picture: Size, frame: Frame, random: Random): Box {
  const own = frame.kind === "stretch" ? picture.width / picture.height : 1;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = picture.width * picture.height * uniform(scale, random);
    const aspect = own * logUniform(ratio, random);
    const box = { width: Math.sqrt(area * aspect), height: Math.sqrt(area / aspect) };
    if (box.width > picture.width || box.height > picture.height) continue;
    const left = (picture.width - box.width) * random.next();
    return { ...box, left, top: (picture.height - box.height) * random.next() };
  }
  const [least, most] = [own * ratio[0], own * ratio[1]];
  const aspect = Math.min(most, Math.max(least, picture.width / picture.height));
  const width = Math.min(picture.width, picture.height * aspect);
  return centred({ width, height: Math.min(picture.height, width / aspect) }, picture);
}

/** torchvision's `ColorJitter.get_params`. What has no strength is left out. */
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

/** torchvision's `RandomErasing.get_params` on a square, in shares of it; none where no attempt fits. */
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
