/**
 * Reads the preprocessing from the metadata of an ONNX file: from Graft's own key, from the keys that ONNX defines for image models
 * (`docs/MetadataProps.md` of the ONNX repository), or from means and standard deviations. Assumes nothing if there are none.
 */
import { dataError } from "../../base/errors.ts";
import { type Normalisation, type Preprocessing, preprocessingPresets } from "./preprocessing.ts";

/** The metadata key of an artifact's preprocessing, as JSON. */
export const PREPROCESSING_KEY = "graft.preprocessing";

/** A normalisation that was found in metadata. */
export interface FoundNormalisation extends Normalisation {
  /** Where it was found, as text. */
  readonly from: string;
}

type Metadata = ReadonlyMap<string, string>;

/** `Image.NominalPixelRange` of ONNX's metadata, as presets. Graft does not support `NominalRange_16_235` (video levels). */
const ranges: Readonly<Record<string, Pick<Preprocessing, "mean" | "std">>> = {
  NominalRange_0_255: preprocessingPresets.raw,
  Normalized_0_1: preprocessingPresets.unit,
  Normalized_1_1: preprocessingPresets.inception,
};
const orders: Readonly<Record<string, Preprocessing["channels"]>> = { Rgb8: "rgb", Bgr8: "bgr" };

/** The keys under which tools store one number per channel. */
const meanKeys = ["mean", "norm_mean", "image_mean", "input_mean"];
const stdKeys = ["std", "norm_std", "image_std", "input_std"];

/**
 * The normalisation in a file's metadata, if there is one.
 *
 * @throws GraftError (`data`) if it is invalid or one that Graft does not support
 */
export function fromMetadata(metadata: Metadata, source: string): FoundNormalisation | undefined {
  return fromImageKeys(metadata, source) ?? fromMeans(metadata, source);
}

function fromImageKeys(metadata: Metadata, source: string): FoundNormalisation | undefined {
  const [range, order] = [metadata.get("Image.NominalPixelRange"), metadata.get("Image.BitmapPixelFormat") ?? "Rgb8"];
  if (range === undefined) return undefined;
  const [scale, channels] = [
    Object.hasOwn(ranges, range) ? ranges[range] : undefined,
    Object.hasOwn(orders, order) ? orders[order] : undefined,
  ];
  if (!scale || !channels) {
    throw dataError(
      `The metadata of ${source} asks for pixels as ${order}, ${range}, which Graft does not support: choose a preprocessing with --preprocessing.`,
    );
  }
  const from = `the file's metadata (Image.BitmapPixelFormat ${order}, Image.NominalPixelRange ${range})`;
  return { channels, mean: scale.mean, std: scale.std, from };
}

function fromMeans(metadata: Metadata, source: string): FoundNormalisation | undefined {
  const keyOf = (keys: readonly string[]): string | undefined => keys.find((key) => metadata.has(key));
  const [meanKey, stdKey] = [keyOf(meanKeys), keyOf(stdKeys)];
  if (meanKey === undefined || stdKey === undefined) return undefined;
  const [mean, std] = [triple(metadata.get(meanKey)!), triple(metadata.get(stdKey)!)];
  if (!mean || !std || std.some((value) => value <= 0)) {
    throw dataError(
      `${meanKey} and ${stdKey} in the metadata of ${source} are not three numbers each: choose a preprocessing with --preprocessing.`,
    );
  }
  // Values above 1 mean a scale of 0 to 255. A deviation of 1 with means up to 1 could be either scale.
  if (std.every((value) => value === 1) && mean.every((value) => value <= 1)) return undefined;
  const factor = Math.max(...mean, ...std) > 1 ? 1 : 255;
  const scaled = ([a, b, c]: Triple): Triple => [a * factor, b * factor, c * factor];
  return { channels: "rgb", mean: scaled(mean), std: scaled(std), from: `the file's metadata (${meanKey}, ${stdKey})` };
}

type Triple = readonly [number, number, number];

/** Three numbers: `[0.5, 0.5, 0.5]`, `0.5,0.5,0.5` or `0.5 0.5 0.5`. */
function triple(text: string): Triple | undefined {
  const parts = text.replace(/^\s*[[(]|[\])]\s*$/g, "").split(/[\s,;]+/);
  const numbers: readonly unknown[] = parts.filter((part) => part !== "").map(Number);
  return isTriple(numbers) ? numbers : undefined;
}

const isTriple = (value: unknown): value is [number, number, number] =>
  Array.isArray(value) && value.length === 3 && value.every((one) => typeof one === "number" && Number.isFinite(one));

/**
 * The complete preprocessing in an artifact's metadata; undefined for other files.
 *
 * @throws GraftError (`data`) if it is there and cannot be read
 */
export function fromArtifact(metadata: Metadata, source: string): Preprocessing | undefined {
  const text = metadata.get(PREPROCESSING_KEY);
  if (text === undefined) return undefined;
  const found = parse(text);
  if (found) return found;
  throw dataError(`The preprocessing in the metadata of ${source} cannot be read: train the model again.`);
}

function parse(text: string): Preprocessing | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { size, fit, interpolation, channels, mean, std, layout } = value as Partial<Preprocessing>;
  const isSize = typeof size === "number" && Number.isInteger(size) && size > 0 && size <= 8192;
  const isFit = fit?.kind === "stretch" || (fit?.kind === "crop" && fit.fraction > 0 && fit.fraction <= 1);
  const isRead =
    (interpolation === "bilinear" || interpolation === "bicubic") &&
    (channels === "rgb" || channels === "bgr") &&
    (layout === "nchw" || layout === "nhwc") &&
    isTriple(mean) &&
    isTriple(std) &&
    !std.includes(0);
  return isSize && isFit && isRead ? { size, fit, interpolation, channels, mean, std, layout } : undefined;
}
