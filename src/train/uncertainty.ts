/** What a training knows of the uncertainty of its predictions: novelty, conformal sets, and how both do on the test images. */

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
import { memoryRecords } from "./features/images-and-records.ts";
import { fillFeatures, frozenFeatures } from "./frozen.ts";
import { BANK_ROWS, fitNovelty, noveltyOf } from "./ood-bank.ts";
import { type Part, selected } from "./training-set.ts";

/** Predictions for images whose class is known: `probabilities` `[N, C]`, `labels` `[N]`. */
interface Predictions {
  readonly probabilities: Float32Array;
  readonly labels: Int32Array;
}

export interface UncertaintyInput extends Pick<Listening, "signal"> {
  readonly network: Network;
  readonly shape: CutShape;
  readonly seed: number;
  readonly train: Part;
  readonly test?: Part | undefined;
  /** Whether the network was fine-tuned, so that the parts' features are no longer its own. */
  readonly isTuned: boolean;
  /** Of a fine-tuned network: what it was not trained on. */
  readonly heldOut?: Part | undefined;
  /** `[N, C]` probabilities of `heldOut`, or else of `train` out of fold: of what the model was not trained on. */
  readonly unseen: Float32Array;
  /** Predictions that sets are calibrated on, and that they are tried on: those for `test`. */
  readonly calibration: Predictions;
  readonly tested?: Predictions | undefined;
}

/** What a training reports of its uncertainty. */
export interface UncertaintyFacts {
  readonly novelty: OodRule;
  /** What the images that the threshold was fitted on let it promise. */
  readonly alarms: FalseAlarmGuarantee;
  readonly conformal: Conformal;
  /** What the images that sets were calibrated on let them promise. */
  readonly promise: CoverageGuarantee;
}

/** The same on the test images. */
export interface TestedUncertainty {
  /** On the test images, or on `asked` of them: how many were called unknown though they are not. */
  readonly falseAlarms: { readonly asked: number; readonly count: number };
  readonly sets: SetScores;
}

export interface FittedUncertainty {
  readonly novelty: OodDetector;
  readonly facts: UncertaintyFacts;
  /** Nothing where there is no test part. */
  readonly tested: TestedUncertainty | undefined;
}

/** Fits novelty and conformal sets. */
export async function fitUncertainty(input: UncertaintyInput, environment: Environment): Promise<FittedUncertainty> {
  const { seed, calibration: predictions } = input;
  const train = await featuresOf(input, input.train, environment);
  const calibration = input.heldOut && (await featuresOf(input, input.heldOut, environment));
  const probabilities = ofRows(input.unseen, (input.heldOut ?? input.train).labels.length, (calibration ?? train).rows);
  const novelty = await fitNovelty({ train, calibration, probabilities }, randomFor(seed, "novelty"));
  const conformal = fitConformal(predictions.probabilities, predictions.labels);
  return {
    novelty,
    facts: {
      novelty: novelty.rule,
      alarms: falseAlarmGuarantee(novelty.rule.fittedOn, novelty.rule.falseAlarmRate),
      conformal,
      promise: coverageGuarantee(conformal),
    },
    tested: await testedOn(input, novelty, conformal, environment),
  };
}

async function testedOn(
  input: UncertaintyInput,
  novelty: OodDetector,
  conformal: Conformal,
  environment: Environment,
): Promise<TestedUncertainty | undefined> {
  if (!input.test || !input.tested) return undefined;
  const { probabilities, labels } = input.tested;
  const { table, rows } = await featuresOf(input, input.test, environment);
  const scores = await noveltyOf(table, ofRows(probabilities, labels.length, rows), novelty);
  return {
    falseAlarms: { asked: scores.length, count: scores.filter((score) => score > novelty.rule.threshold).length },
    sets: scoreSets(probabilities, labels, conformal),
  };
}

interface Featured {
  readonly table: FeatureTable;
  readonly groups: Int32Array;
  /** The part's row of each. */
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

/** The network's features of a part; of a tuned one, whose features are not known yet, those of as many images as fill a bank. */
async function featuresOf(
  { network, shape, seed, isTuned, signal }: UncertaintyInput,
  part: Part,
  environment: Environment,
): Promise<Featured> {
  if (!isTuned) return { ...part, rows: [...part.places.keys()] };
  const rows = randomFor(seed, "tuned features")
    .shuffle([...part.places.keys()])
    .slice(0, BANK_ROWS);
  const { images, groups } = selected(part, rows);
  const frozen = frozenFeatures(network, () => backboneModel(network, shape), environment);
  try {
    // The network was just made, and its features are not needed again; copies are computed again too, so that runs are of the same images.
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
