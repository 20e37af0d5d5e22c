/**
 * A repository's account of its preprocessing → Graft's. What Graft's graph cannot do to the pixel is refused by
 * name, never approximated. Reading the repository's files is the hub's business.
 */
import { dataError } from "../base/errors.ts";
import type {
  HubPreprocessing,
  TimmPreprocessing,
  TransformersPreprocessing,
} from "../hub/huggingface/preprocessing.ts";
import type { Fit, Preprocessing } from "./preprocessing.ts";

type Triple = Preprocessing["mean"];

/** Where a picture goes: the network's side in pixels, and how it is brought to it. */
type Layout = Pick<Preprocessing, "size" | "fit">;

/**
 * Graft's preprocessing for what a repository says.
 *
 * @param source names the repository in errors
 * @throws GraftError (`data`) naming what Graft does not do
 */
export function fromHubPreprocessing(of: HubPreprocessing, source: string): Preprocessing {
  const refuse = (what: string): never => {
    throw dataError(`${source} asks for ${what}, which Graft does not do: pass --preprocessing to choose another.`);
  };
  return of.kind === "timm" ? fromTimm(of, refuse) : fromTransformers(of, refuse);
}

type Refuse = (what: string) => never;

/** Resize the shorter side to `resized`, cut `size` out of the centre. */
function centreCrop(size: number, resized: number, refuse: Refuse): Layout {
  if (size > resized) refuse(`a centre crop of ${size} pixels out of ${resized}`);
  return { size, fit: { kind: "crop", fraction: size / resized } };
}

/** Resize to `size` × `size` whatever the shape. */
const stretch = (size: number): Layout => ({ size, fit: { kind: "stretch" } });

function square(height: number, width: number, refuse: Refuse): number {
  if (height !== width) refuse(`pictures of ${width} × ${height} pixels, not square`);
  return height;
}

const scaled = (triple: Triple, factor: number): Triple => [triple[0] * factor, triple[1] * factor, triple[2] * factor];

// --- timm: `create_transform` and `transforms_imagenet_eval` in timm/data/transforms_factory.py

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
  if (channels !== 3) refuse(`pictures of ${channels} channels`);
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

// --- transformers: `image_processing_*.py` of each model

/** How a processor reads its sizes. */
type ProcessorLayout = (of: TransformersPreprocessing, refuse: Refuse) => Layout;

/** Resizes as `size` says, then crops the centre if told to; a bare number is read as `bare` says. */
const asWritten =
  (bare: "exact" | "shortest-edge"): ProcessorLayout =>
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

/** The side in `size`, for processors that resize the shorter side whatever the file calls it. */
function shorterSide({ size }: TransformersPreprocessing, refuse: Refuse): number {
  return size.kind === "exact" ? refuse(`a size of ${size.width} × ${size.height} for the shorter side`) : size.side;
}

/** ConvNeXt's (and ResNet's, RegNet's): below 384 pixels a crop by `crop_pct`, from there on stretched. */
const convNext: ProcessorLayout = (of, refuse) => {
  const side = shorterSide(of, refuse);
  if (of.doCenterCrop) refuse("a second centre crop");
  if (side >= 384) return stretch(side);
  const cropPct = of.cropPct ?? refuse("a crop without a crop_pct");
  return centreCrop(side, Math.floor(side / cropPct), refuse);
};

/** PoolFormer's: `size` is what remains, the resize is by `crop_pct`. */
const poolFormer: ProcessorLayout = (of, refuse) => {
  const cropPct = of.cropPct ?? refuse("a crop without a crop_pct");
  return centreCrop(cropSide(of, refuse), Math.floor(shorterSide(of, refuse) / cropPct), refuse);
};

/** LeViT's: the shorter side becomes 256/224 of `size`. */
const levit: ProcessorLayout = (of, refuse) =>
  centreCrop(cropSide(of, refuse), Math.floor((256 / 224) * shorterSide(of, refuse)), refuse);

/** By class name without `ImageProcessor` or `FeatureExtractor`. */
const processors: Readonly<Record<string, ProcessorLayout>> = {
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

/** Pillow's numbers. */
const resamplings: Readonly<Record<string, Preprocessing["interpolation"]>> = { 2: "bilinear", 3: "bicubic" };

function fromTransformers(of: TransformersPreprocessing, refuse: Refuse): Preprocessing {
  const layout = entry(processors, of.processor.replace(/(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, ""));
  if (!layout) return refuse(`the processor ${of.processor}`);
  if (of.doResize === false) refuse("pictures that are not resized");
  if (of.rescaleOffset) refuse("rescale_offset");
  if (of.doFlipChannelOrder) refuse("do_flip_channel_order");
  const { resample, imageMean, imageStd, doNormalize = imageMean !== undefined } = of;
  if (resample === undefined) return refuse("a resize of unknown interpolation");
  if (doNormalize && !(imageMean && imageStd)) refuse("a normalisation without image_mean and image_std");
  // Files from before there was a choice mean 1/255, which is the default still.
  const scale = of.doRescale === false ? 1 : 1 / (of.rescaleFactor ?? 1 / 255);
  return {
    ...layout(of, refuse),
    interpolation: entry(resamplings, String(resample)) ?? refuse(`resample ${resample}`),
    channels: "rgb",
    // (x × rescale − mean) ÷ std, on the scale of 0 to 255.
    mean: scaled((doNormalize ? imageMean : undefined) ?? [0, 0, 0], scale),
    std: scaled((doNormalize ? imageStd : undefined) ?? [1, 1, 1], scale),
    layout: "nchw",
  };
}
