/** `graft train`: from a folder of images to `model.onnx`, `metrics.json`, `graft.json` and `report.html`. */

import { join } from "node:path";
import type { Command } from "commander";
import * as v from "valibot";
import { gatherCandidates } from "../../advise/recommend/candidates.ts";
import { recommend } from "../../advise/recommend/recommend.ts";
import { createProgressJson } from "../../base/child-messages.ts";
import { flag, oneOf, onlyWhen, optionsOf, rule, seed, text } from "../../base/option-schemas.ts";
import type { OnProgress } from "../../base/progress.ts";
import type { ProgressLine } from "../../base/progress-line.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { checkEnoughIn } from "../../data/dataset/enough.ts";
import { augmentations } from "../../data/image/augment/augmentation-plan.ts";
import { createRunMeter, trainMeasured } from "../../library.ts";
import { DEFAULT_NETWORK } from "../../networks/catalogue/catalogue.ts";
import { ASSUMED_PREPROCESSING } from "../../networks/imported/model-network.ts";
import { openFresh } from "../../networks/init/fresh-network.ts";
import type { Network } from "../../networks/network.ts";
import { openNetwork } from "../../networks/open.ts";
import { modelEntries, networkName, weights } from "../../networks/open-options.ts";
import { preprocessingPresets } from "../../networks/preprocessing/preprocessing.ts";
import { trainFacts } from "../../run/facts.ts";
import { CHECKPOINT, inRunFolder } from "../../run/read.ts";
import type { SavedRun } from "../../run/save.ts";
import {
  boundaryCache,
  classWeights,
  DEFAULT_EFFORT,
  effort,
  effortWithoutFinetuning,
  oneLearningRate,
  recipeEntries,
  unfreeze,
} from "../../train/option-entries.ts";
import { number, readDataset, withSchema } from "../flags.ts";
import { note, printJson, withProgress } from "../output.ts";
import { interruptible } from "../process.ts";
import { createDisplay } from "../train-display.ts";

export function trainCommand(command: Command): Command {
  command
    .argument(
      "<dataset>",
      "a folder with one sub-folder per class (or train/, val/, test/ folders of these), a .csv, .tsv or .jsonl list, or an archive of these",
    )
    .option(
      "--network <name|file>",
      "the pretrained network: a name from `graft networks list`, an .onnx file, or auto for the network that `graft recommend` finds; with --weights, an architecture",
    )
    .option(
      "--weights <file>",
      "your own weights for the architecture of --network: .safetensors or Keras .h5, on this disk or in a Hugging Face repository (hf:OWNER/NAME/FILE)",
    )
    .option("--cut <tensor>", "where the backbone ends; default: the cut of the catalogue, or one found from the graph")
    .option(
      "--preprocessing <preset>",
      `the preprocessing of an .onnx file: ${Object.keys(preprocessingPresets).join(", ")}`,
    )
    .option("--test <dir>", "a folder of test images, one sub-folder per class")
    .option("--seed <n>", "the same seed gives the same model", number)
    .option("--class-weights <how>", "none, or balanced: rare and frequent classes have the same weight")
    .option(
      "--effort <how>",
      "which features cross-validation compares: quick (cuts that cost no extra time), or better (all cuts, and mirrored views)",
    )
    .option(
      "--unfreeze <stage|n|all|none>",
      "also train the network's last stages: from a named stage (see `graft networks show`), the last n, or all",
    )
    .option("--from-scratch", "train the whole architecture from random weights instead of pretrained ones")
    .option(
      "--epochs <n>",
      "fine-tuning: maximum passes over the images; default depends on the dataset's size",
      number,
    )
    .option(
      "--augment <how>",
      `fine-tuning: ${Object.keys(augmentations).join(", ")}; default depends on the dataset's size`,
    )
    .option("--batch <n>", "fine-tuning: images per step", number)
    .option("--learning-rate <rate>", "fine-tuning: the maximum learning rate", number)
    .option("--find-lr", "fine-tuning: find the learning rate first, with a short training that increases it")
    .option("--boundary-cache <how>", "fine-tuning: auto, or off to run the frozen part in every step instead of once")
    .option("--resume", "fine-tuning: continue from the checkpoint of a stopped run in the output folder")
    .option("--out <dir>", "where to write the model and the report")
    .option("--offline", "use only networks that are in the cache")
    .option("--no-audit", "do not check the data for problems (see `graft audit`)")
    .option("--no-explain", "do not add explanations to the report (see `graft explain`)")
    .option("--progress <how>", "line, or json: progress on stderr as one JSON object per line, for other programs")
    .option("--json", "print one JSON object on stdout")
    .addHelpText(
      "after",
      `
Examples:
  graft train ./photos
  graft train ./photos --network inception_v3 --out models/flowers
  graft train ./photos --unfreeze 2
  graft train ./photos --network vgg16 --weights vgg16.safetensors
  graft train ./photos --network my-network.onnx --preprocessing imagenet --json`,
    );
  return withSchema(command, trainFlags, trainAction);
}

/** Opens the network, with pretrained or random weights. */
function open(name: string, flags: TrainFlags, onProgress: OnProgress): Promise<Network> {
  const { weights, cut, preprocessing, offline } = flags;
  const options = { onProgress, weights, cut, preprocessing, offline };
  return flags.fromScratch ? openFresh(name, flags.seed, options) : openNetwork(name, options);
}

/** The options of a fine-tuning; undefined if only the head is trained. */
function finetuneOf(flags: TrainFlags) {
  const { fromScratch, epochs, batch, learningRate, augment, findLr, boundaryCache, resume, out } = flags;
  const unfreeze = fromScratch ? "all" : flags.unfreeze;
  if (unfreeze === "none") return undefined;
  const recipe = { epochs, batch, learningRate, augment };
  return { unfreeze, fromScratch, ...recipe, findLr, boundaryCache, resume, checkpoint: join(out, CHECKPOINT) };
}

async function trainAction(flags: TrainFlags, path: string): Promise<void> {
  const meter = await createRunMeter(true);
  const { seed, out, classWeights, effort, audit, explain } = flags;
  const finetune = finetuneOf(flags);
  // Read the dataset before anything is written: most mistakes show here.
  const dataset = await readDataset(path, { test: flags.test });
  checkEnoughIn(dataset, finetune !== undefined);
  const display = createDisplay(flags.json);
  display.dataset(dataset, path);
  const signal = interruptible(
    `Stopped: the results so far are kept. Run the same command again${finetune ? " with --resume" : ""} to continue.`,
  );
  const progress = flags.progress === "json" ? createProgressJson() : undefined;
  const trainAndSave = async (line: ProgressLine): Promise<SavedRun> => {
    const onNote = (text: string): void => {
      line.end();
      note(text);
    };
    const name = await chooseNetwork(flags, dataset, line, signal);
    const network = await open(name, flags, line.show);
    if (network.assumedPreprocessing && flags.preprocessing === undefined)
      onNote(
        `${network.name} does not specify its preprocessing. Graft assumes "${ASSUMED_PREPROCESSING}"; change it with --preprocessing.`,
      );
    for (const change of flags.fromScratch ? (network.changes ?? []) : []) onNote(change);
    const callbacks = { onProgress: line.show, onNote, signal };
    const trained = await trainMeasured(
      { data: path, dataset, network, seed, classWeights, effort, finetune, ...callbacks, onEpoch: progress?.epoch },
      meter,
    );
    return trained.save(out, { audit, explain, ...callbacks });
  };
  await inRunFolder(out, async () => {
    const { run, modelSha256 } = await withProgress(trainAndSave, progress);
    if (flags.json) printJson({ ...trainFacts(run), modelSha256 });
    else display.result(run);
  });
}

// The options of `graft train`: the library's options, and those of the command line alone.

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

// Resolves `--network`; `auto` runs a recommendation.

interface Flags {
  readonly network: string;
  readonly seed: number;
  readonly offline?: boolean | undefined;
}

/** The name of the network to open. */
export async function chooseNetwork(
  { network, seed, offline }: Flags,
  dataset: Dataset,
  line: ProgressLine,
  signal: AbortSignal,
): Promise<string> {
  if (network !== "auto") return network;
  const tell = (text: string): void => {
    line.end();
    note(text);
  };
  const field = await gatherCandidates({ offline });
  const found = await recommend({ dataset, field, seed, onProgress: line.show, onNote: tell, signal });
  tell(found.reason);
  if (found.recommended === undefined) tell(`Training with the default network, ${DEFAULT_NETWORK}.`);
  return found.recommended ?? DEFAULT_NETWORK;
}
