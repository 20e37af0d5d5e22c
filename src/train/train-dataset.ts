/** `train` in Node: a dataset of files in, a result with its examples out. Training itself is train.ts. */
import { inSentences } from "../base/system-errors.ts";
import type { Dataset, Example } from "../data/dataset/discover.ts";
import { datasetDigest } from "../data/digest.ts";
import type { Calibration, MeasuredCalibration } from "../evaluate/calibration.ts";
import { digestsOf, type Skipped } from "./features/extract.ts";
import { fileImage } from "./files.ts";
import { nodeEnvironment } from "./node.ts";
import { trainIn } from "./train.ts";
import { type CheckedTrainOptions, checkedTrainOptions, type TrainOptions } from "./train-options.ts";
import type { Judged as JudgedPlaces, Straddling, Trained, ValidationSource } from "./trained.ts";
import type { TestedUncertainty, UncertaintyFacts } from "./uncertainty.ts";

export type { TrainOptions } from "./train-options.ts";
export type { GroupFacts, Straddling, ValidationSource } from "./trained.ts";

/** Predictions for examples of a dataset, row by row. */
export interface Judged extends Omit<JudgedPlaces, "places"> {
  readonly examples: readonly Example[];
}

export interface TrainResult
  extends Omit<Trained, "calibration" | "uncertainty" | "trained" | "validation" | "test" | "skipped" | "digests"> {
  readonly calibration: Calibration & { readonly test: MeasuredCalibration };
  /** When a prediction is to be doubted, and how that did on the test images. */
  readonly trust: UncertaintyFacts & TestedUncertainty;
  readonly counts: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly skipped: number;
  };
  readonly validation: Judged & { readonly source: ValidationSource };
  readonly test: Judged & {
    readonly source: "folder" | "held-out";
    /** Test images of which training or validation has a copy: in a test part of the dataset's own, or where a class is one group. */
    readonly straddling: Straddling | undefined;
  };
  readonly skipped: readonly Skipped[];
  /** The dataset's fingerprint, see {@link datasetDigest}. */
  readonly datasetDigest: string;
}

/**
 * Trains a head on frozen features (a linear probe) and, where asked, the last stages of the network with it.
 *
 * @throws GraftError (`usage`) where an option does not fit; (`data`) where the data cannot be learned from; (`work`) where
 *   the disk or the memory does not suffice; the signal's reason where it was aborted
 */
export const train = async (options: TrainOptions): Promise<TrainResult> =>
  inSentences(() => trainChecked(checkedTrainOptions(options)));

async function trainChecked({ dataset, ...settings }: CheckedTrainOptions): Promise<TrainResult> {
  const { classes, examples } = dataset;
  const set = { classes, examples: examples.map(({ path, ...rest }) => ({ ...rest, source: fileImage(path) })) };
  const trained = await trainIn(nodeEnvironment, set, { ...settings, test: "held-out" });
  const { uncertainty, trained: learned, validation, test, skipped, digests, calibration, ...rest } = trained;
  if (!test) throw new Error("A training that holds out a test part has one.");
  const { falseAlarms, sets, source, straddling, calibration: tested, ...judged } = test;
  return {
    ...rest,
    calibration: { ...calibration, test: tested },
    trust: { ...uncertainty, falseAlarms, sets },
    counts: {
      train: learned,
      validation: validation.source === "cross-validation" ? 0 : validation.places.length,
      test: test.places.length,
      skipped: skipped.length,
    },
    validation: { ...withExamples(validation, dataset), source: validation.source },
    test: { ...withExamples(judged, dataset), source, straddling },
    skipped: skipped.map(({ place, reason }) => ({ path: examples[place]!.path, reason })),
    datasetDigest: datasetDigest(dataset, digestsOf(digests)),
  };
}

const withExamples = ({ places, logits, probabilities, evaluation }: JudgedPlaces, { examples }: Dataset): Judged => ({
  examples: places.map((place) => examples[place]!),
  logits,
  probabilities,
  evaluation,
});
