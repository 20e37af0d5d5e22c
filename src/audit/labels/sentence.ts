/** What an audit says of a dataset's labels as a whole, in a sentence or two: for the terminal and the report. */
import { listed } from "../../base/text.ts";
import { type LabelEvidence, WORTH_A_LOOK } from "./evidence.ts";

/** The noise in a dataset's labels. */
export interface LabelNoise {
  /** The share of labels that are wrong: what is expected, and the range that holds it with 95%. */
  readonly wrong: number;
  readonly interval: readonly [low: number, high: number];
  /** What judged the labels, in words. */
  readonly judges: readonly string[];
  /** Pictures whose label is named as wrong or worth a look. */
  readonly named: number;
  /** How many of those are expected to have wrong labels, and how many right ones: the false findings. */
  readonly expectedWrong: number;
  readonly expectedFalse: number;
}

/** The noise, from the evidence against each label. */
export function labelNoise({ rate, interval, judges, wrong }: LabelEvidence): LabelNoise {
  const named = wrong.filter((probability) => probability >= WORTH_A_LOOK);
  const expectedWrong = named.reduce((sum, probability) => sum + probability, 0);
  return {
    wrong: rate,
    interval,
    judges,
    named: named.length,
    expectedWrong,
    expectedFalse: named.length - expectedWrong,
  };
}

/** The labels of a dataset in words. */
export function labelSentence({ wrong, interval: [low, high], judges, named, ...expected }: LabelNoise): string {
  const range = `${percent(wrong)} of the labels are wrong (95% interval: ${percent(low)} to ${percent(high)})`;
  const by = `Judged by ${listed(judges)}.`;
  const findings =
    named === 0
      ? "No label is improbable enough to be named, and so no finding is false."
      : `Of the ${named} named, expect ${roughly(expected.expectedWrong)} to be wrong and ${roughly(expected.expectedFalse)} to be right: the false findings.`;
  return `About ${range}. ${findings} ${by}`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** A count that is expected: whole from 10 on, with a decimal below. */
export const roughly = (count: number): string => (count >= 10 ? String(Math.round(count)) : count.toFixed(1));
