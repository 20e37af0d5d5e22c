/**
 * Fits the uncertainty of a model's predictions: the out-of-distribution detector and the conformal sets, with the results of both on the
 * test images. The artifact's graph of them is in model/.
 */

import { randomFor } from "../base/random.ts";
import {
  type Conformal,
  type CoverageGuarantee,
  coverageGuarantee,
  type FalseAlarmGuarantee,
  falseAlarmGuarantee,
  fitConformal,
  type SetScores,
  scoreSets,
} from "../metrics/conformal.ts";
import type { OodDetector, OodRule } from "../model/artifact-graph.ts";
import { backboneModel, type CutShape } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import type { Environment, Listening } from "./environment.ts";
import type { FeatureTable } from "./features/feature-table.ts";
import { fillFeatures } from "./features/fill-records.ts";
import { memoryRecords } from "./features/images-and-records.ts";
import { frozenFeatures } from "./frozen.ts";
import { BANK_ROWS, fitOodDetector, oodScoresOf } from "./ood-bank.ts";
import { type DataPart, selected } from "./training-set.ts";

/** Predictions for labelled images: `probabilities` `[N, C]`, `labels` `[N]`. */
interface Predictions {
  readonly probabilities: Float32Array;
  readonly labels: Int32Array;
}

export interface UncertaintyInput extends Pick<Listening, "signal"> {
  readonly network: Network;
  readonly shape: CutShape;
  readonly seed: number;
  readonly train: DataPart;
  readonly test?: DataPart | undefined;
  /** Whether the network was fine-tuned: then the features in the parts are no longer its own. */
  readonly isTuned: boolean;
  /** For a fine-tuned network: the images that it was not trained on. */
  readonly heldOut?: DataPart | undefined;
  /** `[N, C]`: probabilities of `heldOut`; without it, the out-of-fold probabilities of `train`. */
  readonly unseen: Float32Array;
  /** The predictions that calibrate the sets, and those for `test` that evaluate them. */
  readonly calibration: Predictions;
  readonly tested?: Predictions | undefined;
}

/** What a training reports about uncertainty. */
export interface UncertaintyFacts {
  readonly novelty: OodRule;
  /** What the threshold guarantees, by the number of images that it was fitted on. */
  readonly alarms: FalseAlarmGuarantee;
  readonly conformal: Conformal;
  /** What the sets guarantee, by the number of images that calibrated them. */
  readonly promise: CoverageGuarantee;
}

/** The results of both on the test images. */
export interface TestedUncertainty {
  /** How many of `asked` test images were called unknown although they are not. */
  readonly falseAlarms: { readonly asked: number; readonly count: number };
  readonly sets: SetScores;
}

export interface FittedUncertainty {
  readonly detector: OodDetector;
  readonly facts: UncertaintyFacts;
  /** Undefined without a test part. */
  readonly tested: TestedUncertainty | undefined;
}

/** Fits the out-of-distribution detector and the conformal sets. */
export async function fitUncertainty(input: UncertaintyInput, environment: Environment): Promise<FittedUncertainty> {
  const { seed, calibration: predictions } = input;
  const train = await featuresOf(input, input.train, environment);
  const calibration = input.heldOut && (await featuresOf(input, input.heldOut, environment));
  const probabilities = ofRows(input.unseen, (input.heldOut ?? input.train).labels.length, (calibration ?? train).rows);
  const detector = await fitOodDetector({ train, calibration, probabilities }, randomFor(seed, "novelty"));
  const conformal = fitConformal(predictions.probabilities, predictions.labels);
  return {
    detector,
    facts: {
      novelty: detector.rule,
      alarms: falseAlarmGuarantee(detector.rule.fittedOn, detector.rule.falseAlarmRate),
      conformal,
      promise: coverageGuarantee(conformal),
    },
    tested: await testedOn(input, detector, conformal, environment),
  };
}

async function testedOn(
  input: UncertaintyInput,
  detector: OodDetector,
  conformal: Conformal,
  environment: Environment,
): Promise<TestedUncertainty | undefined> {
  if (!input.test || !input.tested) return undefined;
  const { probabilities, labels } = input.tested;
  const { table, rows } = await featuresOf(input, input.test, environment);
  const scores = await oodScoresOf(table, ofRows(probabilities, labels.length, rows), detector);
  return {
    falseAlarms: { asked: scores.length, count: scores.filter((score) => score > detector.rule.threshold).length },
    sets: scoreSets(probabilities, labels, conformal),
  };
}

interface Featured {
  readonly table: FeatureTable;
  readonly groups: Int32Array;
  /** The row of each in the part. */
  readonly rows: readonly number[];
}

/** Some rows of probabilities `[N, C]`. */
function ofRows(probabilities: Float32Array, count: number, rows: readonly number[]): Float32Array {
  const classes = probabilities.length / count;
  const chosen = new Float32Array(rows.length * classes);
  rows.forEach((row, at) => {
    chosen.set(probabilities.subarray(row * classes, (row + 1) * classes), at * classes);
  });
  return chosen;
}

/** The network's features of a part; for a fine-tuned network they are computed, for as many images as fill a bank. */
async function featuresOf(
  { network, shape, seed, isTuned, signal }: UncertaintyInput,
  part: DataPart,
  environment: Environment,
): Promise<Featured> {
  if (!isTuned) return { ...part, rows: [...part.places.keys()] };
  const rows = randomFor(seed, "tuned features")
    .shuffle([...part.places.keys()])
    .slice(0, BANK_ROWS);
  const { images, groups } = selected(part, rows);
  const frozen = frozenFeatures(network, () => backboneModel(network, shape), environment);
  try {
    // The network is new and its features are not needed again. Copies are not reused either, so that every run has the same images.
    const store = { ...memoryRecords(4 * shape.features), find: () => undefined };
    const { table, kept } = await fillFeatures(
      images.map(({ source }) => ({ source })),
      shape.features,
      { ...environment, frozen, store, signal },
    );
    return { table, groups: Int32Array.from(kept, (item) => groups[item]!), rows: kept.map((item) => rows[item]!) };
  } finally {
    await frozen.close();
  }
}
