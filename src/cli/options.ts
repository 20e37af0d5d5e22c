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

/** The name of a preprocessing preset. */
export function presetName(text: string): PresetName {
  if (!Object.hasOwn(preprocessingPresets, text)) {
    throw new InvalidArgumentError(`Choose one of ${Object.keys(preprocessingPresets).join(", ")}.`);
  }
  return text as PresetName;
}
