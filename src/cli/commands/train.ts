/** `graft train`: from a folder of pictures to `model.onnx`, `metrics.json`, `graft.json` and `report.html`. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { openTraitCache } from "../../audit/traits/cache.ts";
import { usageError } from "../../base/errors.ts";
import { makeFolder } from "../../base/files.ts";
import { withLock } from "../../base/lock.ts";
import type { OnProgress } from "../../base/progress.ts";
import { createProgressJson } from "../../base/progress-json.ts";
import { augmentations } from "../../data/augment/policy.ts";
import { discoverDataset, withTestFolder } from "../../data/dataset/discover.ts";
import { renderCard } from "../../report/card.ts";
import { renderReport } from "../../report/report.ts";
import { reportExplanations } from "../../run/explanations.ts";
import { trainFacts } from "../../run/facts.ts";
import { writeRun } from "../../run/write.ts";
import { train } from "../../train/train.ts";
import { DEFAULT_NETWORK } from "../../zoo/catalogue.ts";
import { openFresh } from "../../zoo/fresh-network.ts";
import { ASSUMED_PREPROCESSING } from "../../zoo/model-network.ts";
import type { Network } from "../../zoo/network.ts";
import { openNetwork } from "../../zoo/open.ts";
import { preprocessingPresets } from "../../zoo/preprocessing.ts";
import { rememberSpeed } from "../../zoo/speeds.ts";
import { chooseNetwork } from "../choose-network.ts";
import { measureEffort } from "../effort.ts";
import { interruptible } from "../interruption.ts";
import { positive, presetName, wholeNumber } from "../options.ts";
import { note, printJson, withProgress } from "../output.ts";
import { auditOf } from "../train-audit.ts";
import { createDisplay } from "../train-display.ts";

interface TrainFlags {
  readonly network: string;
  readonly weights?: string;
  readonly cut?: string;
  readonly preprocessing?: keyof typeof preprocessingPresets;
  readonly test?: string;
  readonly seed: number;
  readonly out: string;
  readonly classWeights: "none" | "balanced";
  readonly unfreeze: string;
  readonly fromScratch?: boolean;
  readonly epochs?: number;
  readonly augment?: string;
  readonly batch?: number;
  readonly learningRate?: number;
  readonly findLr?: boolean;
  readonly boundaryCache: "auto" | "off";
  readonly resume?: boolean;
  readonly offline?: boolean;
  readonly audit: boolean;
  readonly explain: boolean;
  readonly progress: "line" | "json";
  readonly json?: boolean;
}

export function trainCommand(): Command {
  return new Command("train")
    .description("train on a folder of pictures")
    .argument("<dataset>", "a folder with one sub-folder a class (or train/, val/, test/ of such), or a .csv/.jsonl")
    .option(
      "--network <name|file>",
      "the pretrained network: a name from `graft networks list`, an .onnx file, or auto for what `graft recommend` says; with --weights, an architecture",
      DEFAULT_NETWORK,
    )
    .option(
      "--weights <file>",
      "weights of your own for the architecture that --network names: .safetensors or Keras' .h5, on this disk or of a Hugging Face repository (hf:OWNER/NAME/FILE)",
    )
    .option("--cut <tensor>", "where the backbone ends, instead of where the catalogue or the graph's structure says")
    .addOption(
      new Option(
        "--preprocessing <preset>",
        `how an .onnx file wants its pixels: ${Object.keys(preprocessingPresets).join(", ")}`,
      ).argParser(presetName),
    )
    .option("--test <dir>", "a folder of test pictures, one sub-folder a class")
    .option("--seed <n>", "the same seed gives the same model", wholeNumber(0), 0)
    .addOption(
      new Option("--class-weights <how>", "balanced: rare classes count as much as frequent ones")
        .choices(["none", "balanced"])
        .default("none"),
    )
    .option(
      "--unfreeze <stage|n|all|none>",
      "train the network's last stages too: from a stage on (see `graft networks show`), the last n, or all",
      "none",
    )
    .option("--from-scratch", "train the whole architecture from fresh parameters instead of pretrained ones")
    .option(
      "--epochs <n>",
      "fine-tuning: times that each picture is seen, at most; default by the dataset's size",
      wholeNumber(1),
    )
    .option("--augment <how>", `fine-tuning: ${Object.keys(augmentations).join(", ")}; default by the dataset's size`)
    .option("--batch <n>", "fine-tuning: pictures a step", wholeNumber(1))
    .option("--learning-rate <rate>", "fine-tuning: the highest learning rate", positive)
    .option("--find-lr", "fine-tuning: look for the learning rate first, by a short training that raises it")
    .addOption(
      new Option("--boundary-cache <how>", "fine-tuning: off runs the frozen part in every step instead of once")
        .choices(["auto", "off"])
        .default("auto"),
    )
    .option("--resume", "fine-tuning: go on from the checkpoint that a stopped run left in the output folder")
    .option("--out <dir>", "where to write the model and the report", "graft-out")
    .option("--offline", "use only networks that are in the cache")
    .option("--no-audit", "do not look for faults in the data (see `graft audit`)")
    .option("--no-explain", "no overlays of where the model looked in the report (see `graft explain`)")
    .addOption(
      new Option("--progress <how>", "json: progress on stderr as one JSON object a line, for other programs")
        .choices(["line", "json"])
        .default("line"),
    )
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
    )
    .action(trainAction);
}

/** The file in the output folder that a stopped fine-tuning leaves, and a finished one does not. */
const CHECKPOINT = "checkpoint.safetensors";

/** What `--unfreeze` and `--from-scratch` say together. Throws a usage error where they contradict each other. */
function unfrozenBy({ unfreeze, fromScratch = false }: TrainFlags): string {
  if (!fromScratch) return unfreeze;
  if (unfreeze === "none" || unfreeze === "all") return "all";
  throw usageError(`--from-scratch trains all stages: leave --unfreeze ${unfreeze} out, or --from-scratch.`);
}

/** The network, with what it learned or without. */
function open(name: string, flags: TrainFlags, onProgress: OnProgress): Promise<Network> {
  const options = {
    onProgress,
    ...(flags.weights === undefined ? {} : { weights: flags.weights }),
    ...(flags.cut === undefined ? {} : { cut: flags.cut }),
    ...(flags.preprocessing === undefined ? {} : { preprocessing: flags.preprocessing }),
    ...(flags.offline ? { offline: true } : {}),
  };
  return flags.fromScratch ? openFresh(name, flags.seed, options) : openNetwork(name, options);
}

async function trainAction(path: string, flags: TrainFlags): Promise<void> {
  const began = performance.now();
  const unfreeze = unfrozenBy(flags);
  const effort = await measureEffort();
  await makeFolder(flags.out);
  await withLock(join(flags.out, ".graft-lock"), { whenHeld: "fail", what: `the folder ${flags.out}` }, async () => {
    const found = await discoverDataset(path);
    const dataset = flags.test === undefined ? found : await withTestFolder(found, flags.test);
    const display = createDisplay(flags.json === true);
    display.dataset(dataset, path);
    const interruption = interruptible("Stopped: what was computed is kept, run the same command again to go on.");
    const progress = flags.progress === "json" ? createProgressJson() : undefined;
    const made = await withProgress(async (line) => {
      const name = await chooseNetwork(flags, dataset, line, interruption.signal);
      const network = await open(name, flags, line.show);
      if (network.assumedPreprocessing && flags.preprocessing === undefined) {
        line.end();
        note(
          `${network.name} does not say how it wants its pixels: assuming "${ASSUMED_PREPROCESSING}"; --preprocessing says otherwise.`,
        );
      }
      const onNote = (text: string): void => {
        line.end();
        note(text);
      };
      for (const change of flags.fromScratch ? (network.changes ?? []) : []) onNote(change);
      // Without a pretrained network, the audit would go by features that mean nothing.
      const audits = flags.audit && !flags.fromScratch;
      const traits = audits ? await openTraitCache() : undefined;
      const trained = await train({
        dataset,
        network,
        seed: flags.seed,
        classWeights: flags.classWeights,
        ...(unfreeze === "none" ? {} : { finetune: { ...flags, unfreeze, checkpoint: join(flags.out, CHECKPOINT) } }),
        onProgress: line.show,
        onNote,
        signal: interruption.signal,
        ...(traits ? { onDecoded: traits.onDecoded } : {}),
        ...(progress ? { onEpoch: progress.epoch } : {}),
      }).finally(() => traits?.close());
      const told = { onProgress: line.show, signal: interruption.signal };
      const audit = audits ? await auditOf({ dataset, network, seed: flags.seed, ...told }, onNote) : undefined;
      const result = { ...trained, network };
      const explanations = flags.explain ? await reportExplanations({ result, dataset }, onNote) : [];
      return { result, audit, explanations };
    }, progress);
    const seconds = (): number => (performance.now() - began) / 1000;
    const { result } = made;
    const run = { ...made, effort, dataset, datasetPath: path, seed: flags.seed, out: flags.out, seconds };
    const { modelSha256 } = await writeRun(run, { report: renderReport, card: renderCard });
    await rm(join(flags.out, CHECKPOINT), { force: true });
    await rememberSpeed(result.network.name, result.features.computed, result.rates.forward);
    if (flags.json) printJson({ ...trainFacts(run), modelSha256 });
    else display.result(run);
  });
}
