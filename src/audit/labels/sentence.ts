/** Summarises the noise in a dataset's labels, as data and as a sentence for the terminal and the report. */
import { listed } from "../../base/text.ts";
import { type LabelEvidence, WORTH_A_LOOK } from "./evidence.ts";

/** The noise in a dataset's labels. */
export interface LabelNoise {
  /** The expected share of wrong labels, and its 95% interval. */
  readonly wrong: number;
  readonly interval: readonly [low: number, high: number];
  /** The names of the label scorers. */
  readonly judges: readonly string[];
  /** Images whose label is reported as wrong or worth a look. */
  readonly named: number;
  /** How many of those are expected to have wrong labels, and how many correct ones: the false findings. */
  readonly expectedWrong: number;
  readonly expectedFalse: number;
}

/** Summarises the evidence against each label. */
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

/** The summary as text. */
export function labelSentence({ wrong, interval: [low, high], judges, named, ...expected }: LabelNoise): string {
  const range = `${percent(wrong)} of the labels are wrong (95% interval: ${percent(low)} to ${percent(high)})`;
  const by = `Based on ${listed(judges)}.`;
  const findings =
    named === 0
      ? "No label is improbable enough to be reported, so there are no false findings."
      : `Of the ${named} named, expect ${roughly(expected.expectedWrong)} to be wrong and ${roughly(expected.expectedFalse)} to be right: the false findings.`;
  return `About ${range}. ${findings} ${by}`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** An expected count: rounded from 10 on, with one decimal below. */
export const roughly = (count: number): string => (count >= 10 ? String(Math.round(count)) : count.toFixed(1));
