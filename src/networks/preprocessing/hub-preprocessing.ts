/**
 * Converts a repository's preprocessing configuration to Graft's. What Graft cannot reproduce to the pixel is refused by name, never
 * approximated. The repository's files are read elsewhere (hub/).
 */
import { dataError } from "../../base/errors.ts";
import type {
  HubPreprocessing,
  TimmPreprocessing,
  TransformersPreprocessing,
} from "../../hub/huggingface/repository-config.ts";
import type { Fit, Preprocessing } from "./preprocessing.ts";

type Triple = Preprocessing["mean"];

/** The input's size and how an image is resized to it. */
type Frame = Pick<Preprocessing, "size" | "fit">;

/**
 * Graft's preprocessing for a repository's configuration.
 *
 * @param source names the repository in errors
 * @throws GraftError (`data`) naming what Graft does not support
 */
export function fromHubPreprocessing(of: HubPreprocessing, source: string): Preprocessing {
  const refuse = (what: string): never => {
    throw dataError(
      `${source} asks for ${what}, which Graft does not support: choose another preprocessing with --preprocessing.`,
    );
  };
  return of.kind === "timm" ? fromTimm(of, refuse) : fromTransformers(of, refuse);
}

type Refuse = (what: string) => never;

/** Resizes the shorter side to `resized` pixels and crops `size` pixels from the centre. */
function centreCrop(size: number, resized: number, refuse: Refuse): Frame {
  if (size > resized) refuse(`a centre crop of ${size} pixels out of ${resized}`);
  return { size, fit: { kind: "crop", fraction: size / resized } };
}

/** Resizes to `size` × `size` pixels, whatever the image's shape. */
const stretch = (size: number): Frame => ({ size, fit: { kind: "stretch" } });

function square(height: number, width: number, refuse: Refuse): number {
  if (height !== width) refuse(`images of ${width} × ${height} pixels, not square`);
  return height;
}

const scaled = (triple: Triple, factor: number): Triple => [triple[0] * factor, triple[1] * factor, triple[2] * factor];

// timm: `create_transform` and `transforms_imagenet_eval` in timm/data/transforms_factory.py.

const timmFits: Readonly<Record<string, (cropPct: number, refuse: Refuse) => Fit>> = {
  center: (fraction, refuse) =>
    fraction > 1 ? refuse(`a crop_pct of ${fraction}, which pads`) : { kind: "crop", fraction },
  squash: (fraction, refuse) =>
    fraction === 1 ? { kind: "stretch" } : refuse(`crop_mode "squash" with a crop_pct of ${fraction}`),
};

const timmInterpolations: Readonly<Record<string, Preprocessing["interpolation"]>> = {
  bilinear: "bilinear",
  bicubic: "bicubic",
};

function fromTimm(of: TimmPreprocessing, refuse: Refuse): Preprocessing {
  const [channels, height, width] = of.inputSize;
  if (channels !== 3) refuse(`images of ${channels} channels`);
  const fitOf = entry(timmFits, of.cropMode) ?? refuse(`crop_mode "${of.cropMode}"`);
  return {
    size: square(height, width, refuse),
    fit: fitOf(of.cropPct, refuse),
    interpolation: entry(timmInterpolations, of.interpolation) ?? refuse(`interpolation "${of.interpolation}"`),
    channels: "rgb",
    mean: scaled(of.mean, 255),
    std: scaled(of.std, 255),
    layout: "nchw",
  };
}

const entry = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

// transformers: `image_processing_*.py` of each model.

/** How a processor interprets its sizes. */
type ProcessorFrame = (of: TransformersPreprocessing, refuse: Refuse) => Frame;

/** Resizes to `size`, then crops the centre if configured. `bare` is the meaning of a `size` that is a single number. */
const asWritten =
  (bare: "exact" | "shortest-edge"): ProcessorFrame =>
  (of, refuse) => {
    const { size, cropSize, doCenterCrop = cropSize !== undefined } = of;
    const crop = doCenterCrop ? cropSide(of, refuse) : undefined;
    if (size.kind === "exact" || (size.kind === "side" && bare === "exact")) {
      const side = size.kind === "exact" ? square(size.height, size.width, refuse) : size.side;
      if (crop !== undefined && crop !== side)
        refuse(`a resize to ${side} × ${side} pixels followed by a crop to ${crop}`);
      return stretch(side);
    }
    if (crop === undefined) return refuse("a resize of the shorter side without a crop");
    return centreCrop(crop, size.side, refuse);
  };

function cropSide({ cropSize }: TransformersPreprocessing, refuse: Refuse): number {
  if (!cropSize) return refuse("a centre crop without a crop_size");
  return cropSize.kind === "exact" ? square(cropSize.height, cropSize.width, refuse) : cropSize.side;
}

/** The number in `size`, for processors that always resize the shorter side, whatever the file calls it. */
function shorterSide({ size }: TransformersPreprocessing, refuse: Refuse): number {
  return size.kind === "exact" ? refuse(`a size of ${size.width} × ${size.height} for the shorter side`) : size.side;
}

/** ConvNeXt (also ResNet and RegNet): a crop by `crop_pct` below 384 pixels, a stretch from 384 pixels on. */
const convNext: ProcessorFrame = (of, refuse) => {
  const side = shorterSide(of, refuse);
  if (of.doCenterCrop) refuse("a second centre crop");
  if (side >= 384) return stretch(side);
  const cropPct = of.cropPct ?? refuse("a crop without a crop_pct");
  return centreCrop(side, Math.floor(side / cropPct), refuse);
};

/** PoolFormer: `size` is the size after the crop; `crop_pct` determines the resize. */
const poolFormer: ProcessorFrame = (of, refuse) => {
  const cropPct = of.cropPct ?? refuse("a crop without a crop_pct");
  return centreCrop(cropSide(of, refuse), Math.floor(shorterSide(of, refuse) / cropPct), refuse);
};

/** LeViT: the shorter side becomes 256/224 of `size`. */
const levit: ProcessorFrame = (of, refuse) =>
  centreCrop(cropSide(of, refuse), Math.floor((256 / 224) * shorterSide(of, refuse)), refuse);

/** By the processor's class name without `ImageProcessor` or `FeatureExtractor`. */
const processors: Readonly<Record<string, ProcessorFrame>> = {
  ViT: asWritten("exact"),
  DeiT: asWritten("exact"),
  Beit: asWritten("exact"),
  Bit: asWritten("shortest-edge"),
  CLIP: asWritten("shortest-edge"),
  MobileNetV1: asWritten("shortest-edge"),
  MobileNetV2: asWritten("shortest-edge"),
  ConvNext: convNext,
  PoolFormer: poolFormer,
  Levit: levit,
};

/** Pillow's numbers of its filters. */
const resamplings: Readonly<Record<string, Preprocessing["interpolation"]>> = { 2: "bilinear", 3: "bicubic" };

function fromTransformers(of: TransformersPreprocessing, refuse: Refuse): Preprocessing {
  const frameOf = entry(processors, of.processor.replace(/(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, ""));
  if (!frameOf) return refuse(`the processor ${of.processor}`);
  if (of.doResize === false) refuse("images that are not resized");
  if (of.rescaleOffset) refuse("rescale_offset");
  if (of.doFlipChannelOrder) refuse("do_flip_channel_order");
  const { resample, imageMean, imageStd, doNormalize = imageMean !== undefined } = of;
  if (resample === undefined) return refuse("a resize of unknown interpolation");
  if (doNormalize && !(imageMean && imageStd)) refuse("a normalisation without image_mean and image_std");
  // 1/255 is the default, also in files from before the setting existed.
  const scale = of.doRescale === false ? 1 : 1 / (of.rescaleFactor ?? 1 / 255);
  return {
    ...frameOf(of, refuse),
    interpolation: entry(resamplings, String(resample)) ?? refuse(`resample ${resample}`),
    channels: "rgb",
    // (x × rescale − mean) ÷ std, on a scale of 0 to 255.
    mean: scaled((doNormalize ? imageMean : undefined) ?? [0, 0, 0], scale),
    std: scaled((doNormalize ? imageStd : undefined) ?? [1, 1, 1], scale),
    layout: "nchw",
  };
}
