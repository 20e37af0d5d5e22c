/** Fitting what an artifact knows of novelty: a bank of training pictures' features, and the threshold for a rate of false alarms. */
import type { Novelty } from "../artifact/contract.ts";
import type { Random } from "../base/random.ts";
import type { Groups } from "../data/split.ts";
import { FALSE_ALARM_RATE, noveltyThreshold } from "../evaluate/novelty.ts";
import { eachSimilarity, unitRows } from "./features/similarity.ts";
import type { FeatureTable } from "./features/table.ts";

/** Rows of the bank, at most: 2 MB for 2048 features. */
export const BANK_ROWS = 1000;
/** The neighbour whose distance counts. */
const NEIGHBOURS = 5;

/**
 * Fits a bank and its threshold on the features of training pictures. Each of them is scored without itself, so that the threshold is
 * the one for pictures that are not in the bank.
 *
 * @param table `[rows, features]`, two rows or more
 * @param groups the group of each row: a copy of an image in the bank would make it look known
 */
export async function fitNovelty(
  table: FeatureTable,
  random: Random,
  groups: Groups,
  falseAlarmRate = FALSE_ALARM_RATE,
): Promise<Novelty> {
  const all = Array.from({ length: table.rows }, (_, row) => row);
  const chosen = (all.length <= BANK_ROWS ? all : random.shuffle(all).slice(0, BANK_ROWS)).sort((a, b) => a - b);
  const { bank, scales } = quantised(unitRows(table, chosen), table.columns);
  const neighbours = Math.min(NEIGHBOURS, chosen.length - 1);
  const groupOf = (row: number): number => groups?.[row] ?? row;
  const places = chosen.map(groupOf);
  // Where one group is nearly all there is, only the row itself is left out, or it would have no neighbours.
  const largest = Math.max(...counted(places).values());
  const isOwn =
    chosen.length - largest >= neighbours
      ? (row: number, place: number) => places[place] === groupOf(row)
      : (row: number, place: number) => chosen[place] === row;
  const scores = await scoresOf(table, { bank, scales }, neighbours, isOwn);
  const threshold = noveltyThreshold(scores, falseAlarmRate);
  return { bank, scales, rule: { threshold, falseAlarmRate, neighbours, fittedOn: table.rows } };
}

/** The novelty of every row of a table, as the artifact computes it. */
export const noveltyOf = (table: FeatureTable, novelty: Novelty): Promise<Float32Array> =>
  scoresOf(table, novelty, novelty.rule.neighbours, () => false);

/** How often each number occurs. */
function counted(numbers: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return counts;
}

/** One minus the `neighbours`-th highest similarity; places in the bank that are a row's own do not count. */
async function scoresOf(
  table: FeatureTable,
  { bank, scales }: Pick<Novelty, "bank" | "scales">,
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

/** Rows `[M, columns]` in 8 bits, each by the scale that its largest value asks for. */
function quantised(rows: Float32Array, columns: number): Pick<Novelty, "bank" | "scales"> {
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
