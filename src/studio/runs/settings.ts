/** What a page asks of a training, checked, and as the words of a `graft train` command. */
import * as v from "valibot";
import { checked, type Described, type Door, onlyWhen, optionsOf, seed } from "../../base/options.ts";
import { classWeights, recipeEntries } from "../../train/options.ts";
import type { RunSettings } from "../api.ts";

const STAGES = "none, all or a number of last stages";
const { epochs, augment, learningRate } = recipeEntries;

/** The settings of a training; unlike the command line, the page says all that a run needs. */
const settingsSchema = (networks: readonly string[]) =>
  v.pipe(
    optionsOf({
      network: v.picklist(networks, "a network of the table"),
      unfreeze: v.pipe(v.string(STAGES), v.regex(/^(none|all|[1-9]\d{0,2})$/, STAGES)),
      seed,
      classWeights,
      epochs,
      augment,
      learningRate,
    } satisfies Described<RunSettings>),
    onlyWhen(
      ({ unfreeze }) => unfreeze !== "none",
      ["epochs", "augment", "learningRate"],
      "to fine-tuning: choose the layers to train, or leave it out",
    ),
  );

const door: Door = {
  whole: "A training",
  subject: (path) => `The setting ${path}`,
  option: (path) => path,
};

/** Reads settings that nobody vouches for. Throws GraftError (`usage`) that names what does not fit. */
export const readSettings = (value: unknown, networks: readonly string[]): RunSettings =>
  checked(settingsSchema(networks), value, door);

/** The words after `graft` that train so; with `resume`, from where a stopped run left off. */
export function trainWords(dataset: string, out: string, settings: RunSettings, resume: boolean): string[] {
  const { network, unfreeze, seed, classWeights, epochs, augment, learningRate } = settings;
  const isTuning = unfreeze !== "none";
  const option = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [name, String(value)];
  return [
    "train",
    dataset,
    ...option("--network", network),
    ...option("--seed", seed),
    ...option("--class-weights", classWeights),
    ...option("--unfreeze", unfreeze),
    ...(isTuning
      ? [...option("--epochs", epochs), ...option("--augment", augment), ...option("--learning-rate", learningRate)]
      : []),
    ...(isTuning && resume ? ["--resume"] : []),
    ...option("--out", out),
    ...option("--progress", "json"),
    "--json",
  ];
}
