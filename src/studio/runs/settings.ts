/** What a page asks of a training, checked, and as the words of a `graft train` command. */
import { usageError } from "../../base/errors.ts";
import { augmentations } from "../../data/augment/policy.ts";
import type { RunSettings } from "../api.ts";

/** Reads settings that nobody vouches for. Throws GraftError (`usage`) that names what does not fit. */
export function readSettings(value: unknown, networks: readonly string[]): RunSettings {
  if (typeof value !== "object" || value === null) throw usageError("The settings of a training are an object.");
  const { network, unfreeze, seed, classWeights, epochs, augment, learningRate } = value as Record<string, unknown>;
  const check = (fits: boolean, words: string): void => {
    if (!fits) throw usageError(`The settings do not fit: ${words}.`);
  };
  const isWhole = (number: unknown, least: number, most: number): boolean =>
    Number.isSafeInteger(number) && Number(number) >= least && Number(number) <= most;
  check(typeof network === "string" && networks.includes(network), "there is no such network in the table");
  check(typeof unfreeze === "string" && /^(none|all|\d{1,3})$/.test(unfreeze), "unfreeze is none, all or a number");
  check(isWhole(seed, 0, 2 ** 31), "the seed is a whole number");
  check(classWeights === "none" || classWeights === "balanced", "class weights are none or balanced");
  check(epochs === undefined || isWhole(epochs, 1, 10_000), "epochs are a whole number from 1");
  check(augment === undefined || Object.hasOwn(augmentations, String(augment)), "there is no such augmentation");
  check(
    learningRate === undefined || (Number(learningRate) > 0 && Number(learningRate) < 1e3),
    "a learning rate is above 0",
  );
  return {
    network: network as string,
    unfreeze: unfreeze as string,
    seed: seed as number,
    classWeights: classWeights as RunSettings["classWeights"],
    ...(epochs === undefined ? {} : { epochs: epochs as number }),
    ...(augment === undefined ? {} : { augment: augment as NonNullable<RunSettings["augment"]> }),
    ...(learningRate === undefined ? {} : { learningRate: learningRate as number }),
  };
}

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
