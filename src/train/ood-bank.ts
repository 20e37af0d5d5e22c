/**
 * Fits the out-of-distribution detector of an artifact: a bank of training images' features, and the threshold for a false alarm rate.
 * The detector's graph is in model/.
 */

import { tally } from "../base/collections.ts";
import type { Random } from "../base/random.ts";
import type { Groups } from "../data/dataset/split.ts";
import { FALSE_ALARM_RATE, fitOodThreshold } from "../metrics/conformal.ts";
import { LEAST_ODDS, MAX_OOD_SCORE, type OodDetector, type Units } from "../model/artifact-graph.ts";
import type { FeatureTable } from "./features/feature-table.ts";
import { eachSimilarity, unitRows } from "./features/feature-table.ts";

/** Maximum rows of the bank: 2 MB for 2048 features. */
export const BANK_ROWS = 1000;
/** The distance to this neighbour counts. */
const NEIGHBOURS = 5;

/** Features of images, and the group of each: a copy of an image in the bank would make it look known. */
export interface Known {
  /** `[rows, features]` */
  readonly table: FeatureTable;
  readonly groups: Groups;
}

export interface OodDetectorInput {
  /** At least two training images. */
  readonly train: Known;
  /** `[rows, C]`: predictions for images not trained on: those of `calibration`, or else the out-of-fold predictions of `train`. */
  readonly probabilities: Float32Array;
  /**
   * Images that the network was not trained on, for the threshold. Default: the images of the bank, each scored without itself and its
   * group. That is correct for a network that never saw them; after fine-tuning, training images are closer to each other than new ones.
   */
  readonly calibration?: Known | undefined;
}

/** Fits a bank and its threshold. */
export async function fitOodDetector(
  { train, calibration, probabilities }: OodDetectorInput,
  random: Random,
  falseAlarmRate = FALSE_ALARM_RATE,
): Promise<OodDetector> {
  const { bank, scales, neighbours, amongThemselves } = bankOf(train, random);
  const distances = calibration
    ? await distancesOf(calibration.table, { bank, scales }, neighbours, () => false)
    : await amongThemselves();
  const odds = oddsAgainst(probabilities, distances.length);
  const units = { distance: unitsOf(distances, LEAST_SPREAD.distance), odds: unitsOf(odds, LEAST_SPREAD.odds) };
  const scores = summed(distances, odds, units);
  const { threshold, independent } = fitOodThreshold(scores, (calibration ?? train).groups, falseAlarmRate);
  return {
    bank,
    scales,
    ...units,
    rule: { threshold: threshold ?? MAX_OOD_SCORE, falseAlarmRate, neighbours, fittedOn: independent },
  };
}

/** The minimum spread of each score, so that tiny differences between nearly equal images do not become huge. */
const LEAST_SPREAD = { distance: 0.01, odds: 1 };

/** The median and the spread of a score. */
function unitsOf(scores: ArrayLike<number>, least: number): Units {
  const sorted = Float64Array.from(scores).sort();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  return { median: at(0.5), spread: Math.max(at(0.95) - at(0.5), least) };
}

/** The log odds against the top class of probabilities `[rows, C]`. */
function oddsAgainst(probabilities: Float32Array, rows: number): Float32Array {
  const classes = probabilities.length / rows;
  if (!Number.isInteger(classes))
    throw new RangeError(`${probabilities.length} probabilities are not of ${rows} rows.`);
  return Float32Array.from({ length: rows }, (_, row) => {
    const top = probabilities
      .subarray(row * classes, (row + 1) * classes)
      .reduce((most, one) => Math.max(most, one), 0);
    return Math.log((1 - top + LEAST_ODDS) / (top + LEAST_ODDS));
  });
}

const summed = (
  distances: Float32Array,
  odds: Float32Array,
  units: Pick<OodDetector, "distance" | "odds">,
): Float32Array =>
  distances.map(
    (distance, row) =>
      (distance - units.distance.median) / units.distance.spread + (odds[row]! - units.odds.median) / units.odds.spread,
  );

/** A bank of training images. */
export interface Bank extends Pick<OodDetector, "bank" | "scales"> {
  readonly neighbours: number;
  /** The distance of every training image to the others. */
  amongThemselves(): Promise<Float32Array>;
}

/** Makes a bank of as many training images as fit. */
export function bankOf({ table, groups }: Known, random: Random): Bank {
  const all = Array.from({ length: table.rows }, (_, row) => row);
  const chosen = (all.length <= BANK_ROWS ? all : random.shuffle(all).slice(0, BANK_ROWS)).sort((a, b) => a - b);
  const { bank, scales } = quantised(unitRows(table, chosen), table.columns);
  const neighbours = Math.min(NEIGHBOURS, chosen.length - 1);
  return {
    bank,
    scales,
    neighbours,
    amongThemselves: () => distancesOf(table, { bank, scales }, neighbours, ownPlaces(groups, chosen, neighbours)),
  };
}

/** Which places of a bank a training image may not be compared with: those of its own group. */
function ownPlaces(
  groups: Groups,
  chosen: readonly number[],
  neighbours: number,
): (row: number, place: number) => boolean {
  const groupOf = (row: number): number => groups?.[row] ?? row;
  const places = chosen.map(groupOf);
  // If one group makes up nearly the whole bank, only the row itself is excluded: otherwise it would have no neighbours.
  const largest = Math.max(...tally(places).values());
  return chosen.length - largest >= neighbours
    ? (row, place) => places[place] === groupOf(row)
    : (row, place) => chosen[place] === row;
}

/** The out-of-distribution score of every row of a table, as the artifact computes it; `probabilities` `[rows, C]` are its outputs. */
export const oodScoresOf = async (
  table: FeatureTable,
  probabilities: Float32Array,
  detector: OodDetector,
): Promise<Float32Array> =>
  summed(
    await distancesTo(table, detector, detector.rule.neighbours),
    oddsAgainst(probabilities, table.rows),
    detector,
  );

/** The distance of every row of a table to a bank. */
export const distancesTo = (
  table: FeatureTable,
  bank: Pick<OodDetector, "bank" | "scales">,
  neighbours: number,
): Promise<Float32Array> => distancesOf(table, bank, neighbours, () => false);

/** One minus the `neighbours`-th highest similarity; a row's own places in the bank do not count. */
async function distancesOf(
  table: FeatureTable,
  { bank, scales }: Pick<OodDetector, "bank" | "scales">,
  neighbours: number,
  isOwn: (row: number, place: number) => boolean,
): Promise<Float32Array> {
  const scores = new Float32Array(table.rows);
  const known = Float32Array.from(bank, (value, i) => value * scales[Math.floor(i / table.columns)]!);
  const best = new Float32Array(neighbours);
  await eachSimilarity(table, known, (row, similarities) => {
    best.fill(-1);
    for (let at = 0; at < similarities.length; at++) {
      const value = similarities[at]!;
      if (value <= best[neighbours - 1]! || isOwn(row, at)) continue;
      let place = neighbours - 1;
      for (; place > 0 && best[place - 1]! < value; place--) best[place] = best[place - 1]!;
      best[place] = value;
    }
    scores[row] = 1 - best[neighbours - 1]!;
  });
  return scores;
}

/** Rows `[M, columns]` in 8 bits; the largest value of each row determines its scale. */
function quantised(rows: Float32Array, columns: number): Pick<OodDetector, "bank" | "scales"> {
  const bank = new Int8Array(rows.length);
  const scales = new Float32Array(rows.length / columns);
  for (let row = 0; row < scales.length; row++) {
    const own = rows.subarray(row * columns, (row + 1) * columns);
    const most = own.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    scales[row] = most > 0 ? most / 127 : 1;
    for (let j = 0; j < columns; j++) bank[row * columns + j] = Math.round(own[j]! / scales[row]!);
  }
  return { bank, scales };
}
