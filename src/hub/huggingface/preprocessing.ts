/**
 * What a repository says about preprocessing: timm's `pretrained_cfg` and transformers' `preprocessor_config.json` as typed
 * objects. Does not translate them into Graft's preprocessing.
 */
import {
  countIn,
  type Fields,
  isNumberIn,
  objectIn,
  positiveIn,
  required,
  switchIn,
  type Triple,
  textIn,
  tripleIn,
} from "./fields.ts";

/** timm's preprocessing: https://huggingface.co/docs/timm/reference/data, `resolve_data_config`. */
export interface TimmPreprocessing {
  readonly kind: "timm";
  /** Channels, height and width; the last two in pixels. */
  readonly inputSize: Triple;
  /** The share of the resized image's side that the crop keeps, in (0, 2]. */
  readonly cropPct: number;
  /** `center`, `squash`, `border`. */
  readonly cropMode: string;
  /** `bilinear`, `bicubic`, … */
  readonly interpolation: string;
  /** Subtracted from values scaled to 0 … 1. */
  readonly mean: Triple;
  /** The divisor after the subtraction, on the same scale. */
  readonly std: Triple;
}

/** A size in pixels, as transformers writes it; `side` is a bare number, whose meaning depends on the processor. */
export type TransformersSize =
  | { readonly kind: "side"; readonly side: number }
  | { readonly kind: "shortest-edge"; readonly side: number }
  | { readonly kind: "exact"; readonly height: number; readonly width: number };

/** transformers' preprocessing; what the file leaves out is undefined. */
export interface TransformersPreprocessing {
  readonly kind: "transformers";
  /** The class of the processor: `ViTImageProcessor`, `ConvNextFeatureExtractor`. */
  readonly processor: string;
  readonly doResize: boolean | undefined;
  readonly size: TransformersSize;
  /** Pillow's number: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic. */
  readonly resample: number | undefined;
  readonly cropPct: number | undefined;
  readonly doCenterCrop: boolean | undefined;
  readonly cropSize: TransformersSize | undefined;
  readonly doRescale: boolean | undefined;
  readonly rescaleFactor: number | undefined;
  readonly rescaleOffset: boolean | undefined;
  readonly doNormalize: boolean | undefined;
  readonly imageMean: Triple | undefined;
  readonly imageStd: Triple | undefined;
  /** BGR instead of RGB. */
  readonly doFlipChannelOrder: boolean | undefined;
}

/** What a repository says about its preprocessing. */
export type HubPreprocessing = TimmPreprocessing | TransformersPreprocessing;

/** The longest side of an input image, in pixels. */
const mostPixels = 4096;

/** Reads timm's `pretrained_cfg`, or the top level of `config.json` in older repositories. */
export function timmPreprocessing(of: Fields): TimmPreprocessing {
  const inputSize = required(tripleIn(of, "input_size", 1, mostPixels), "input_size", of);
  return {
    kind: "timm",
    inputSize,
    cropPct: required(positiveIn(of, "crop_pct", 2), "crop_pct", of),
    // timm's default, and the meaning of files from before there were modes.
    cropMode: textIn(of, "crop_mode") ?? "center",
    interpolation: required(textIn(of, "interpolation"), "interpolation", of),
    mean: required(tripleIn(of, "mean", -1000, 1000), "mean", of),
    std: required(tripleIn(of, "std", 1e-6, 1000), "std", of),
  };
}

/** Reads transformers' `preprocessor_config.json`. */
export function transformersPreprocessing(of: Fields): TransformersPreprocessing {
  const processor = textIn(of, "image_processor_type") ?? textIn(of, "feature_extractor_type");
  const resample = of.values.resample === 0 ? 0 : countIn(of, "resample", 5);
  return {
    kind: "transformers",
    processor: required(processor, "image_processor_type", of),
    doResize: switchIn(of, "do_resize"),
    size: required(sizeIn(of, "size"), "size", of),
    resample,
    cropPct: positiveIn(of, "crop_pct", 2),
    doCenterCrop: switchIn(of, "do_center_crop"),
    cropSize: sizeIn(of, "crop_size"),
    doRescale: switchIn(of, "do_rescale"),
    rescaleFactor: positiveIn(of, "rescale_factor", 1000),
    rescaleOffset: switchIn(of, "rescale_offset"),
    doNormalize: switchIn(of, "do_normalize"),
    imageMean: tripleIn(of, "image_mean", -1000, 1000),
    imageStd: tripleIn(of, "image_std", 1e-6, 1000),
    doFlipChannelOrder: switchIn(of, "do_flip_channel_order"),
  };
}

function sizeIn(of: Fields, name: string): TransformersSize | undefined {
  if (isNumberIn(of, name)) {
    const side = countIn(of, name, mostPixels);
    return side === undefined ? undefined : { kind: "side", side };
  }
  const size = objectIn(of, name);
  if (!size) return undefined;
  const side = countIn(size, "shortest_edge", mostPixels);
  if (side !== undefined) return { kind: "shortest-edge", side };
  const height = required(countIn(size, "height", mostPixels), "height or shortest_edge", size);
  return { kind: "exact", height, width: required(countIn(size, "width", mostPixels), "width", size) };
}
