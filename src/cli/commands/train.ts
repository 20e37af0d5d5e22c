/** `graft train`: from a folder of pictures to `model.onnx`, `metrics.json`, `graft.json` and `report.html`. */
import { join } from "node:path";
import type { Command } from "commander";
import type * as v from "valibot";
import type { OnProgress } from "../../base/progress.ts";
import { createProgressJson } from "../../base/progress-json.ts";
import type { ProgressLine } from "../../base/progress-line.ts";
import { augmentations } from "../../data/augment/policy.ts";
import { checkEnoughIn } from "../../data/enough.ts";
import { createRunMeter, trainMeasured } from "../../library.ts";
import { trainFacts } from "../../run/facts.ts";
import { CHECKPOINT, inRunFolder } from "../../run/run-folder.ts";
import type { SavedRun } from "../../run/save.ts";
import { openFresh } from "../../zoo/fresh-network.ts";
import { ASSUMED_PREPROCESSING } from "../../zoo/model-network.ts";
import type { Network } from "../../zoo/network.ts";
import { openNetwork } from "../../zoo/open.ts";
import { preprocessingPresets } from "../../zoo/preprocessing.ts";
import { chooseNetwork } from "../choose-network.ts";
import { number, withSchema } from "../flags.ts";
import { interruptible } from "../interruption.ts";
import { note, printJson, withProgress } from "../output.ts";
import { readDataset } from "../read-dataset.ts";
import { createDisplay } from "../train-display.ts";
import { trainFlags } from "../train-flags.ts";

type TrainFlags = v.InferOutput<typeof trainFlags>;

export function trainCommand(command: Command): Command {
  command
    .argument(
      "<dataset>",
      "a folder with one sub-folder a class (or train/, val/, test/ of such), a .csv, .tsv or .jsonl list, or an archive of these",
    )
    .option(
      "--network <name|file>",
      "the pretrained network: a name from `graft networks list`, an .onnx file, or auto for what `graft recommend` says; with --weights, an architecture",
    )
    .option(
      "--weights <file>",
      "weights of your own for the architecture that --network names: .safetensors or Keras' .h5, on this disk or of a Hugging Face repository (hf:OWNER/NAME/FILE)",
    )
    .option("--cut <tensor>", "where the backbone ends, instead of where the catalogue or the graph's structure says")
    .option(
      "--preprocessing <preset>",
      `how an .onnx file wants its pixels: ${Object.keys(preprocessingPresets).join(", ")}`,
    )
    .option("--test <dir>", "a folder of test pictures, one sub-folder a class")
    .option("--seed <n>", "the same seed gives the same model", number)
    .option("--class-weights <how>", "none, or balanced: rare classes count as much as frequent ones")
    .option(
      "--effort <how>",
      "what cross-validation tries for the features: quick (cuts of the network that cost no time), or better (all of its cuts, and mirrored views)",
    )
    .option(
      "--unfreeze <stage|n|all|none>",
      "train the network's last stages too: from a stage on (see `graft networks show`), the last n, or all",
    )
    .option("--from-scratch", "train the whole architecture from fresh parameters instead of pretrained ones")
    .option(
      "--epochs <n>",
      "fine-tuning: times that each picture is seen, at most; default by the dataset's size",
      number,
    )
    .option("--augment <how>", `fine-tuning: ${Object.keys(augmentations).join(", ")}; default by the dataset's size`)
    .option("--batch <n>", "fine-tuning: pictures a step", number)
    .option("--learning-rate <rate>", "fine-tuning: the highest learning rate", number)
    .option("--find-lr", "fine-tuning: look for the learning rate first, by a short training that raises it")
    .option(
      "--boundary-cache <how>",
      "fine-tuning: auto, or off, which runs the frozen part in every step instead of once",
    )
    .option("--resume", "fine-tuning: go on from the checkpoint that a stopped run left in the output folder")
    .option("--out <dir>", "where to write the model and the report")
    .option("--offline", "use only networks that are in the cache")
    .option("--no-audit", "do not look for faults in the data (see `graft audit`)")
    .option("--no-explain", "no overlays of where the model looked in the report (see `graft explain`)")
    .option("--progress <how>", "line, or json: progress on stderr as one JSON object a line, for other programs")
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

/** The network, with what it learned or without. */
function open(name: string, flags: TrainFlags, onProgress: OnProgress): Promise<Network> {
  const { weights, cut, preprocessing, offline } = flags;
  const options = { onProgress, weights, cut, preprocessing, offline };
  return flags.fromScratch ? openFresh(name, flags.seed, options) : openNetwork(name, options);
}

/** What is asked of a fine-tuning; nothing where the head alone is trained. */
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
  // Read before anything is written: most mistakes show here.
  const dataset = await readDataset(path, { test: flags.test });
  checkEnoughIn(dataset, finetune !== undefined);
  const display = createDisplay(flags.json);
  display.dataset(dataset, path);
  const signal = interruptible(
    `Stopped: what was computed is kept, run the same command again${finetune ? " with --resume" : ""} to go on.`,
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
        `${network.name} does not say how it wants its pixels: assuming "${ASSUMED_PREPROCESSING}"; --preprocessing says otherwise.`,
      );
    for (const change of flags.fromScratch ? (network.changes ?? []) : []) onNote(change);
    const told = { onProgress: line.show, onNote, signal };
    const trained = await trainMeasured(
      { data: path, dataset, network, seed, classWeights, effort, finetune, ...told, onEpoch: progress?.epoch },
      meter,
    );
    return trained.save(out, { audit, explain, ...told });
  };
  await inRunFolder(out, async () => {
    const { run, modelSha256 } = await withProgress(trainAndSave, progress);
    if (flags.json) printJson({ ...trainFacts(run), modelSha256 });
    else display.result(run);
  });
}
