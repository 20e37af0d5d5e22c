/** Options that several commands share, and the readers of their values. */
import { InvalidArgumentError } from "commander";
import { type PresetName, preprocessingPresets } from "../zoo/preprocessing.ts";

/** A whole number of at least `least`. */
export const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`A whole number of at least ${least} is wanted.`);
    }
    return value;
  };

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("A number above 0 is wanted.");
  return value;
}

/** The name of a preprocessing preset. */
export function presetName(text: string): PresetName {
  if (!Object.hasOwn(preprocessingPresets, text)) {
    throw new InvalidArgumentError(`Choose one of ${Object.keys(preprocessingPresets).join(", ")}.`);
  }
  return text as PresetName;
}

/** A reader of quantities such as `20MB`: a number with one of the units, as a number of the smallest. */
const quantity =
  (units: Readonly<Record<string, number>>, example: string) =>
  (text: string): number => {
    const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
    const factor = Object.entries(units).find(([name]) => name.toLowerCase() === unit.toLowerCase())?.[1];
    if (number === "" || factor === undefined) {
      throw new InvalidArgumentError(`A number with ${Object.keys(units).join(", ")} is wanted, such as ${example}.`);
    }
    return Number(number) * factor;
  };

/** A reader of quantities of which none makes no sense. */
export const some =
  (read: (text: string) => number) =>
  (text: string): number => {
    const value = read(text);
    if (!(value > 0)) throw new InvalidArgumentError("More than 0 is wanted.");
    return value;
  };

/** Bytes: `20MB`. */
export const bytes = quantity({ kB: 1e3, MB: 1e6, GB: 1e9, B: 1 }, "20MB");

/** Multiply-adds: `600M`, `4G`. */
export const multiplyAdds = quantity({ M: 1e6, G: 1e9, k: 1e3, T: 1e12 }, "600M");

/** Pixels: `50M`. */
export const pixels = quantity({ M: 1e6, k: 1e3 }, "50M");

/** Seconds: `90s`, `2m`, `1h`. */
export const seconds = quantity({ s: 1, m: 60, h: 3600 }, "2m");

/** Milliseconds: `5ms`, `30s`. */
export const milliseconds = quantity({ ms: 1, s: 1000, m: 60_000 }, "5ms");
