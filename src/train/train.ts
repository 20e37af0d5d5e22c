/**
 * One training, from a folder of pictures to an artifact in memory: features, head, fine-tuning, calibration, evaluation.
 * Writes nothing but the cache; files and words for people are made by the rooms above.
 */
import type { OnProgress } from "../base/progress.ts";
import { createRandom } from "../base/random.ts";
import { secondsSince } from "../base/stopwatch.ts";
import { inSentences } from "../base/system-errors.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import { checkEnoughIn } from "../data/enough.ts";
import type { Network } from "../zoo/network.ts";
import { readingsFor } from "./choose-features.ts";
import { conclude } from "./conclude.ts";
import type { Effort } from "./effort.ts";
import { type Extraction, extractFeatures } from "./features/extract.ts";
import { groupsOfImages } from "./features/image-groups.ts";
import { rememberedCuts } from "./features/of-network.ts";
import type { ReadCuts } from "./features/reading-of.ts";
import { openReadings, type Readings } from "./features/readings.ts";
import { openTraitCache, type TraitCache } from "./features/trait-cache.ts";
import type { FinetuneOptions } from "./finetune/finetune.ts";
import type { EpochRecord } from "./finetune/trainer.ts";
import { learn, settle } from "./learn.ts";
import { partition } from "./parts.ts";
import { type CheckedTrainOptions, checkedTrainOptions } from "./train-options.ts";
import type { TrainResult } from "./train-result.ts";

export interface TrainOptions {
  readonly dataset: Dataset;
  readonly network: Network;
  /** Default 0. The same seed gives the same split, folds and weights. */
  readonly seed?: number | undefined;
  /** `balanced`: each class counts the same, however rare. Default `none`: each image does. */
  readonly classWeights?: "none" | "balanced" | undefined;
  /**
   * How much is tried before the features are settled on, by cross-validation. `quick` (default): cuts of the network that cost no time.
   * `better`: all of its cuts, and the mean over mirrored views. A fine-tuning starts from the network's own cut.
   */
  readonly effort?: Effort | undefined;
  /** Trains stages of the network too; without it, the head alone. */
  readonly finetune?: FinetuneOptions | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice that was made and each thing that went otherwise than asked. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called after each epoch of fine-tuning, when it has been judged. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
  /** Aborted, the training ends with the signal's reason; a fine-tuning writes its checkpoint first. */
  readonly signal?: AbortSignal | undefined;
}

export type { GroupFacts, Judged, Straddling, TrainResult, ValidationSource } from "./train-result.ts";

/**
 * Trains a head on frozen features (a linear probe) and, where asked, the last stages of the network with it.
 *
 * @throws GraftError (`usage`) where an option does not fit; (`data`) where the data cannot be learned from; (`work`) where
 *   the disk or the memory does not suffice; the signal's reason where it was aborted
 */
export const train = async (options: TrainOptions): Promise<TrainResult> =>
  inSentences(() => trainChecked(checkedTrainOptions(options)));

async function trainChecked(options: CheckedTrainOptions): Promise<TrainResult> {
  const { dataset, network, seed, signal } = options;
  signal?.throwIfAborted();
  checkEnoughIn(dataset, options.finetune !== undefined);
  const random = createRandom(seed);
  const readings = await openReadings(network, await wantedReadings(options));
  const traits = await openTraitCache();
  try {
    const began = performance.now();
    const extraction = await extractAll(options, readings, traits);
    const extract = secondsSince(began);
    const searching = performance.now();
    const groups = await groupsOfImages(
      extraction.kept.map((item) => dataset.examples[item]!),
      extraction.kept.map((item) => extraction.digests.get(item)!),
      traits,
      options,
    );
    const copies = secondsSince(searching);
    const parts = partition(dataset, extraction, groups, random);
    signal?.throwIfAborted();
    const settled = await settle(options, readings, parts, random);
    const answer = await learn(settled, random);
    signal?.throwIfAborted();
    return await conclude(settled, answer, { ...extraction, groups }, { extract, copies });
  } finally {
    traits.close();
    readings.cache.close();
  }
}

/** What is read of each image. The last layers are what a fine-tuning trains: it starts from the network's own cut. */
async function wantedReadings({ network, effort, finetune }: CheckedTrainOptions): Promise<ReadCuts> {
  const cuts = await rememberedCuts(network);
  return finetune ? { cuts: cuts.slice(0, 1), mirrors: false } : readingsFor(effort, network, cuts);
}

/** The features of every picture. The backbone's memory is given back before anything else is loaded. */
async function extractAll(
  { dataset, onProgress, signal }: CheckedTrainOptions,
  readings: Readings,
  traits: TraitCache,
): Promise<Extraction> {
  const runner = readings.runner();
  try {
    return await extractFeatures(
      dataset.examples.map(({ path }) => path),
      readings.cache,
      runner,
      { onProgress, signal, traits },
    );
  } finally {
    await runner.close();
  }
}
