/**
 * Reads the configuration of a repository (timm's `config.json`, transformers' `config.json` and `preprocessor_config.json`) as typed
 * objects: architecture, classes, preprocessing. Translates nothing into Graft's preprocessing and reads no weights.
 */
import { readFile } from "node:fs/promises";
import { dataError } from "../../base/errors.ts";
import { fetchHubFile, type HubOptions } from "./hub-fetch.ts";

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

// The whole configuration.

/** What a repository says about its network. */
export interface RepositoryConfig {
  /** The commit that was read. */
  readonly commit: string;
  /** timm's name (`resnet50`), or transformers' class (`ResNetForImageClassification`). */
  readonly architecture: string;
  /** Outputs of the classifier; 0 if it has none, undefined if the repository does not say. */
  readonly numClasses: number | undefined;
  readonly preprocessing: HubPreprocessing;
}

/** The largest configuration, in bytes: the longest in use list 21,000 classes twice, in 2 MB. */
const mostBytes = 8 * 2 ** 20;
const mostClasses = 1_000_000;

/**
 * Reads and checks the configuration of a repository at a revision.
 *
 * @throws GraftError as {@link fetchHubFile}; (`data`) if timm or transformers did not write the files
 */
export async function repositoryConfig(
  { repo, revision }: { readonly repo: string; readonly revision: string },
  options: HubOptions = {},
): Promise<RepositoryConfig> {
  const read = async (file: string, at: string): Promise<{ fields: Fields; commit: string }> => {
    const { path, commit } = await fetchHubFile({ repo, file, revision: at }, { maxBytes: mostBytes, ...options });
    return { fields: parseFields(await readFile(path, "utf8"), `${repo}/${file}`), commit };
  };
  const { fields, commit } = await read("config.json", revision);
  if (textIn(fields, "architecture") !== undefined) return { commit, ...timmConfig(fields) };
  if (!Object.hasOwn(fields.values, "model_type"))
    throw dataError(
      `${fields.source} is neither timm's nor transformers' (no architecture, no model_type): pass --preprocessing.`,
    );
  // At the same commit: a branch may move between two requests.
  const { fields: preprocessor } = await read("preprocessor_config.json", commit);
  return { commit, ...transformersConfig(fields, preprocessor) };
}

/** Reads timm's `config.json`. */
export function timmConfig(config: Fields): Omit<RepositoryConfig, "commit"> {
  const pretrained = objectIn(config, "pretrained_cfg") ?? config;
  return {
    architecture: required(textIn(config, "architecture"), "architecture", config),
    numClasses: classesIn(config) ?? classesIn(pretrained),
    preprocessing: timmPreprocessing(pretrained),
  };
}

const classesIn = (of: Fields): number | undefined =>
  of.values.num_classes === 0 ? 0 : countIn(of, "num_classes", mostClasses);

/** Reads transformers' `config.json` and `preprocessor_config.json`. */
export function transformersConfig(config: Fields, preprocessor: Fields): Omit<RepositoryConfig, "commit"> {
  const { architectures } = config.values;
  const architecture: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  if (typeof architecture !== "string")
    throw dataError(`${config.source} names no architecture: pass --preprocessing, or a file with --weights.`);
  const labels = objectIn(config, "id2label");
  const count = labels && Object.keys(labels.values).length;
  return {
    architecture,
    numClasses: isCount(mostClasses)(count) ? count : countIn(config, "num_labels", mostClasses),
    preprocessing: transformersPreprocessing(preprocessor),
  };
}

// Fields of untrusted JSON objects, checked for type and range. Errors name the file, the field and what it should be. A missing or null
// field is undefined; a wrong one is an error.

/** An object with unknown content, and its source for sentences. */
export interface Fields {
  readonly values: Readonly<Record<string, unknown>>;
  readonly source: string;
}

type Check<T> = (value: unknown) => value is T;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Parses JSON text that must be an object. Throws a GraftError (`data`) if it is not. */
export function parseFields(text: string, source: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw dataError(`${source} is not valid JSON: pass --preprocessing, or a file with --weights.`, error);
  }
  if (isObject(parsed)) return { values: parsed, source };
  throw dataError(`${source} is JSON, but not an object: pass --preprocessing, or a file with --weights.`);
}

const show = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

function optional<T>({ values, source }: Fields, name: string, what: string, check: Check<T>): T | undefined {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (check(value)) return value;
  throw dataError(`${source} has ${name} ${show(value)}, which is not ${what}: pass --preprocessing instead.`);
}

/** The value of a required field. Throws a GraftError (`data`) that names the field if it is undefined. */
export function required<T>(value: T | undefined, name: string, { source }: Fields): T {
  if (value !== undefined) return value;
  throw dataError(`${source} does not say ${name}: pass --preprocessing instead.`);
}

export const objectIn = (of: Fields, name: string): Fields | undefined => {
  const values = optional(of, name, "an object", isObject);
  return values && { values, source: `${of.source}'s ${name}` };
};

/** A text of at most 200 characters. */
export const textIn = (of: Fields, name: string): string | undefined =>
  optional(of, name, "a short text", (value): value is string => typeof value === "string" && value.length <= 200);

export const switchIn = (of: Fields, name: string): boolean | undefined =>
  optional(of, name, "true or false", (value): value is boolean => typeof value === "boolean");

/** An integer from 1 to `most`: pixels, classes and the like. */
export const countIn = (of: Fields, name: string, most: number): number | undefined =>
  optional(of, name, `a whole number from 1 to ${most}`, isCount(most));

export const isCount =
  (most: number): Check<number> =>
  (value): value is number =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;

/** A number above 0. */
export const positiveIn = (of: Fields, name: string, most: number): number | undefined =>
  optional(
    of,
    name,
    `a number above 0 and up to ${most}`,
    (value): value is number => typeof value === "number" && value > 0 && value <= most,
  );

/** Three numbers, one for each channel. */
export type Triple = readonly [number, number, number];

export const tripleIn = (of: Fields, name: string, least: number, most: number): Triple | undefined =>
  optional(
    of,
    name,
    `three numbers from ${least} to ${most}`,
    (value): value is Triple =>
      Array.isArray(value) &&
      value.length === 3 &&
      value.every((item) => typeof item === "number" && item >= least && item <= most),
  );

/** Whether a field that may be a number or an object is a number. */
export const isNumberIn = ({ values }: Fields, name: string): boolean =>
  Object.hasOwn(values, name) && typeof values[name] === "number";
