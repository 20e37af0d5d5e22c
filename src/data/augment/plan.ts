/** Draws the random numbers of views by a policy. Touches no pixels. */
import type { Random } from "../../base/random.ts";
import type { Policy, RandomBox, Range } from "./policy.ts";
import type { Box, ColourStep, View } from "./view.ts";

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
