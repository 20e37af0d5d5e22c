/** The options of `graft train`: the library's, as they are on a command line, and those that only a command line has. */
import * as v from "valibot";
import { flag, oneOf, onlyWhen, optionsOf, rule, seed, text } from "../base/options.ts";
import { DEFAULT_EFFORT } from "../train/effort.ts";
import {
  boundaryCache,
  classWeights,
  effort,
  effortWithoutFinetuning,
  oneLearningRate,
  recipeEntries,
  unfreeze,
} from "../train/options.ts";
import { DEFAULT_NETWORK } from "../zoo/catalogue.ts";
import { modelEntries } from "../zoo/model-options.ts";
import { networkName, weights } from "../zoo/open-options.ts";

const folder = text("the path of a folder");

const entries = {
  network: v.optional(networkName, DEFAULT_NETWORK),
  weights: v.optional(weights),
  ...modelEntries,
  test: v.optional(folder),
  seed: v.optional(seed, 0),
  classWeights: v.optional(classWeights, "none"),
  effort: v.optional(effort, DEFAULT_EFFORT),
  unfreeze: v.optional(unfreeze, "none"),
  fromScratch: v.optional(flag, false),
  ...recipeEntries,
  findLr: v.optional(flag),
  boundaryCache: v.optional(boundaryCache),
  resume: v.optional(flag),
  out: v.optional(folder, "graft-out"),
  offline: v.optional(flag),
  audit: v.optional(flag, true),
  explain: v.optional(flag, true),
  progress: v.optional(oneOf(["line", "json"]), "line"),
  json: v.optional(flag, false),
};

export const trainFlags = v.pipe(
  optionsOf(entries),
  rule(
    ({ unfreeze: stages, fromScratch }) => !fromScratch || stages === "none" || stages === "all",
    "{fromScratch} trains all stages: leave out {unfreeze} or {fromScratch}.",
  ),
  rule(
    ({ weights: file, fromScratch }) => !fromScratch || file === undefined,
    "{fromScratch} uses no weights: leave out {weights} or {fromScratch}.",
  ),
  onlyWhen(
    ({ unfreeze: stages, fromScratch }) => fromScratch || stages !== "none",
    ["epochs", "augment", "batch", "learningRate", "findLr", "boundaryCache", "resume"],
    "to fine-tuning: add {unfreeze} (a stage, a number of last stages, or all) or {fromScratch}, or leave it out",
  ),
  effortWithoutFinetuning(
    ({ unfreeze: stages, fromScratch }) => fromScratch || stages !== "none",
    "{effort} applies only to training the head alone: leave it out, or leave out {unfreeze} and {fromScratch}.",
  ),
  oneLearningRate(),
  onlyWhen(
    ({ network }) => network !== "auto",
    ["weights", "cut", "preprocessing"],
    "to a named network, but {network} auto chooses one from the catalogue: name a network, or leave it out",
  ),
);

export type TrainFlags = v.InferOutput<typeof trainFlags>;
