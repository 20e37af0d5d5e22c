/**
 * Training as one call, for the library and the command line: opens what is named, trains, and returns a result that can be
 * saved as a run. The training itself is in train/, the files are in run/, the pages in report/.
 */
import { checkedArgument, text } from "./base/option-schemas.ts";
import { createStopwatch } from "./base/progress.ts";
import { type Dataset, discoverDataset } from "./data/dataset/discover.ts";
import { ASSUMED_PREPROCESSING } from "./networks/imported/model-network.ts";
import type { Network } from "./networks/network.ts";
import { openNetwork } from "./networks/open.ts";
import { loadPages } from "./report/pages.ts";
import {
  measureConsumption,
  type RunClock,
  type RunMeter,
  type SavedRun,
  type SaveOptions,
  saveRun,
} from "./run/save.ts";
import {
  checkHowToTrain,
  type TrainOptions as ModelTrainOptions,
  type TrainResult,
  train as trainModel,
} from "./train/train-dataset.ts";

/** The options of {@link train}: those of a training, with the dataset and the network given as values or by name. */
export interface TrainOptions extends Omit<ModelTrainOptions, "dataset" | "network"> {
  /** The path of a dataset, as for `graft train`. */
  readonly data?: string | undefined;
  /** A dataset that has already been read; `data` then says where it is from. */
  readonly dataset?: Dataset | undefined;
  /** An open network, a name of the catalogue, or the path of an `.onnx` file. */
  readonly network: Network | string;
}

/** A finished training. */
export interface TrainedRun extends TrainResult {
  /**
   * Writes everything that `graft train` writes: `model.onnx`, `metrics.json`, `graft.json`, `answers.json`, `report.html` and
   * `card.md`. A previous run in the folder is replaced as a whole; other files are left alone.
   */
  save(out: string, options?: SaveOptions): Promise<SavedRun>;
}

/**
 * Trains a network on a dataset.
 *
 * @throws GraftError (`usage`) if an option is invalid; (`data`) if the data cannot be learned from; (`work`) if the disk or
 *   memory is too small; the signal's reason if it is aborted
 */
export const train = async (options: TrainOptions): Promise<TrainedRun> =>
  trainMeasured(options, await createRunMeter());

/** Starts to measure what a run costs. With `fromProcessStart`, what the process did before counts too. */
export async function createRunMeter(fromProcessStart = false): Promise<RunMeter> {
  const clock: RunClock = createStopwatch();
  return { clock, startUp: fromProcessStart ? clock.startUp : 0, consumption: await measureConsumption() };
}

/** {@link train}, with a meter that was started before. */
export async function trainMeasured(options: TrainOptions, meter: RunMeter): Promise<TrainedRun> {
  if (typeof options !== "object" || options === null) checkHowToTrain(options);
  const { data, dataset: read, network: named, ...how } = options;
  // The dataset or network may have to be downloaded first.
  if (typeof named === "string" || (data !== undefined && read === undefined)) checkHowToTrain(how);
  const dataset = read ?? (data === undefined ? undefined : await readDataset(data, how));
  const network = typeof named === "string" ? await openByName(named, how) : named;
  meter.clock.lap("open");
  // Without a dataset, it is rejected there.
  const result = await trainModel({ ...how, dataset: dataset!, network });
  meter.clock.lap("train");
  const training = {
    ...{ result, meter, dataset: dataset! },
    datasetPath: data ?? dataset!.root,
    seed: how.seed ?? 0,
    isFromScratch: how.finetune?.fromScratch ?? false,
  };
  return { ...result, save: (out, saving = {}) => saveRun(training, out, saving, loadPages) };
}

type Listeners = Pick<TrainOptions, "onProgress" | "onNote">;

async function readDataset(path: string, { onProgress, onNote }: Listeners): Promise<Dataset> {
  const checkedPath = checkedArgument(text("the path of a dataset"), path, "The option data of train");
  const dataset = await discoverDataset(checkedPath, { onProgress });
  for (const note of dataset.notes ?? []) onNote?.(note);
  return dataset;
}

async function openByName(name: string, { onProgress, onNote }: Listeners): Promise<Network> {
  const network = await openNetwork(name, { onProgress });
  if (network.assumedPreprocessing)
    onNote?.(
      `${network.name} does not specify its preprocessing. Graft assumes "${ASSUMED_PREPROCESSING}"; change it with the option preprocessing of openNetwork.`,
    );
  return network;
}
